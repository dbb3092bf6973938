#include <cmath>
#include <cstring>

#include "cuda_tested_backend.hpp"
#include "device/cuda/convolution.hpp"
#include "device/cuda/launch.hpp"
#include "regatta/device/buffer.hpp"
#include "device/cuda_module.hpp"

// The source files of the CUDA module, compiled for the host (see cuda_on_host/cuda_runtime.h).
namespace regatta::device {

namespace {

TEST(CudaModule, DescribesItsDevices) {
  const CudaModule* module = regatta_cuda_module();

  CudaModuleDevice device{};

  EXPECT_EQ(module->abi, cuda_module_abi);
  ASSERT_EQ(module->device_count(), 1);
  ASSERT_TRUE(module->device(0, &device));
  EXPECT_STREQ(device.name, "Pretended device");
  EXPECT_STREQ(device.uuid, "GPU-00112233-4455-6677-8899-aabbccddeeff");
  EXPECT_EQ(device.memory, 256.0 * 1024 * 1024);
  EXPECT_STREQ(module->versions(), "CUDA runtime 12.4, driver 13.0");
}

TEST(CudaModule, SaysWhyADeviceCannotBeUsed) {
  EXPECT_EQ(regatta_cuda_module()->create(7), nullptr);
  EXPECT_EQ(regatta_cuda_module()->create_evidence_solver(7), nullptr);

  EXPECT_THAT(regatta_cuda_module()->failure(), testing::HasSubstr("CUDA failed at handles.cpp:"));
}

TEST(CudaLaunch, CoversEveryNumberOnce) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{256}, std::size_t{257}}) {
    const cuda::Shape shape = cuda::line_shape(count);
    EXPECT_GE(std::size_t{shape.grid.x} * shape.block.x, count);
    EXPECT_LT((std::size_t{shape.grid.x} - 1) * shape.block.x, count);
  }
  EXPECT_EQ(cuda::line_shape(std::size_t{1} << 40).grid.x, cuda::most_line_blocks);
  EXPECT_EQ(cuda::matrix_shape(9, std::size_t{1} << 40).grid.y, cuda::most_blocks_y);
  EXPECT_EQ(cuda::matrix_shape(9, 33).grid.x, 2u);
}

/// y, the gradients of weights, bias and x of one convolution.
std::vector<float> convolve_in_slices(std::size_t most_numbers) {
  const auto backend = make_tested_backend();
  const Windows windows{{4, 5, 2}, {4, 5, 3}, 3, 1, 1, 1};  // 360 numbers in the windows of a sample
  const std::size_t samples = 5, in = 40, out = 60;
  std::vector<float> numbers(samples * out);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<float>(i));
  const auto some = [&](std::size_t count) { return std::span<const float>(numbers).first(count); };
  Buffer<float> x(*backend, some(samples * in)), weights(*backend, some(54)), bias(*backend, some(3));
  Buffer<float> y(*backend, samples * out), dy(*backend, numbers), dw(*backend, 54), db(*backend, 3), dx(*backend, x.size());
  const MatrixView<float> outputs{y.data(), samples, out};
  const Convolution layer{windows, {x.data(), samples, in}, {weights.data(), 18, 3}, bias.data(), outputs, outputs,
                          Activation::Relu};
  cuda::Stream stream;
  cuda::Cublas blas(stream);
  cuda::Convolver convolver(blas, most_numbers);
  convolver.forward(layer);
  convolver.backward(layer, {{dy.data(), samples, out}, {dw.data(), 18, 3}, db.data(), {dx.data(), samples, in}});
  std::vector<float> all;
  for (const Buffer<float>* part : {&y, &dw, &db, &dx})
    for (const float number : part->download()) all.push_back(number);
  return all;
}

TEST(CudaConvolution, IsTheSameInSlicesOfSamples) {
  const auto whole = convolve_in_slices(1 << 20);
  for (const std::size_t most : {1, 800})
    EXPECT_THAT(convolve_in_slices(most), testing::Pointwise(testing::FloatNear(1e-5f), whole));
}

}  // namespace
}  // namespace regatta::device
