#include <cmath>
#include <cstring>

#include "cuda_tested_backend.hpp"
#include "device/cuda/convolution.hpp"
#include "device/cuda/divisor.hpp"
#include "device/cuda/launch.hpp"
#include "device/cuda/nccl.hpp"
#include "device/cuda/tiled_convolution.hpp"
#include "device/cuda/window_grid.hpp"
#include "regatta/core/error.hpp"
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

TEST(CudaModule, TakesMemoryThatCannotBePinnedAsItIs) {
  const auto backend = make_tested_backend();
  HostBlock large(*backend, std::size_t{20} << 20);  // the pretended system pins 64 MiB
  const std::span<float> numbers(large.data(), 3);
  numbers[1] = 5;

  EXPECT_EQ(Buffer<float>(*backend, std::span<const float>(numbers)).download()[1], 5);
}

TEST(Nccl, SaysWhyALibraryCannotBeUsed) {
  for (const auto& [file, reason] : {std::pair{"/nowhere/libnccl.so", "NCCL cannot be loaded: /nowhere/libnccl.so: "},
                                     {REGATTA_STRANGER_MODULE, "is not NCCL: it has no ncclGetUniqueId"}}) {
    try {
      cuda::load_nccl(file);
      ADD_FAILURE() << file;
    } catch (const Unavailable& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(reason));
    }
  }
}

TEST(CudaDivisor, DividesEveryNumberBelow2To31) {
  constexpr std::uint32_t largest = (1u << 31) - 1;
  for (const std::uint32_t divisor : {1u, 2u, 3u, 7u, 28u, 641u, 65535u, 65537u, (1u << 30) + 1, largest}) {
    const cuda::Divisor by(divisor);
    const std::uint32_t last = largest / divisor * divisor;  // the largest multiple
    for (const std::uint32_t number : {0u, 1u, divisor - 1, divisor, last - 1, last, largest}) {
      EXPECT_EQ(by(number).quotient, number / divisor) << number << " / " << divisor;
      EXPECT_EQ(by(number).remainder, number % divisor) << number << " / " << divisor;
    }
  }
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

/// Rows of pixels that windows [first, end) see, from the first one to the last one.
std::uint32_t rows_seen(const cuda::WindowGrid& grid, std::uint32_t first, std::uint32_t end) {
  const auto row = [&](std::uint32_t window, std::int32_t tap) {
    const auto place = grid.place(window);
    return place.sample * grid.rows.length + grid.rows.nearest(grid.rows.begin(place.row) + tap);
  };
  return row(end - 1, static_cast<std::int32_t>(grid.rows.taps) - 1) + 1 - row(first, 0);
}

TEST(CudaWindowGrid, KnowsHowManyRowsOfPixelsAreSeen) {
  constexpr std::uint32_t count = 128;
  for (const std::size_t stride : {1, 2, 3})
    for (const std::size_t side : {1, 2, 3, 5})
      for (const bool padded : {false, true})
        for (const std::size_t height : {5, 8, 9, 32})
          for (const std::size_t width : {5, 7, 16, 64, 130}) {
            const auto outputs = [&](std::size_t length) { return padded ? (length + stride - 1) / stride : (length - side) / stride + 1; };
            const std::size_t edge = padded && side > stride ? (side - 1) / 2 : 0;
            const Windows windows{{height, width, 1}, {outputs(height), outputs(width), 1}, side, stride, edge, edge};
            std::vector<cuda::WindowGrid> grids{cuda::output_grid(windows, 9)};
            for (std::size_t place = 0; place < stride; ++place) grids.push_back(cuda::input_grid(windows, 9, place, stride - 1 - place));
            for (const auto& grid : grids) {
              if (grid.windows == 0 || grid.taps() == 0) continue;
              const std::uint32_t most = cuda::most_rows_seen(grid, count);
              for (std::uint32_t first = 0; first < grid.windows; first += count)
                ASSERT_LE(rows_seen(grid, first, std::min(first + count, grid.windows)), most);
            }
          }
}

TEST(CudaConvolution, IsMadeOfTilesWhereItsSizesSuit) {
  const auto fits = [](const Windows& windows, std::size_t misplaced = 0) {
    alignas(16) static float numbers[8];
    float* block = numbers + misplaced;
    const std::size_t terms = windows.side * windows.side * windows.input.channels;
    return cuda::fits_tiles({windows, {block, 128, windows.input.size()}, {block, terms, windows.output.channels}, block,
                             {block, 128, windows.output.size()}, {block, 128, windows.output.size()}, Activation::Identity});
  };
  const Windows suits{{16, 16, 32}, {16, 16, 64}, 3, 1, 1, 1};
  const auto other = [&](auto change) {
    Windows windows = suits;
    change(windows);
    return fits(windows);
  };

  EXPECT_TRUE(fits(suits));
  EXPECT_TRUE(other([](Windows& windows) { windows = {{15, 15, 48}, {8, 8, 256}, 5, 2, 2, 2}; }));
  EXPECT_TRUE(other([](Windows& windows) { windows = {{32, 32, 64}, {32, 32, 32}, 1, 1, 0, 0}; }));
  EXPECT_FALSE(fits(suits, 1)) << "not in fours";
  for (const std::size_t channels : {1, 3, 16, 40, 272}) {
    EXPECT_FALSE(other([&](Windows& windows) { windows.input.channels = channels; })) << channels;
    EXPECT_FALSE(other([&](Windows& windows) { windows.output.channels = channels; })) << channels;
  }
  EXPECT_FALSE(other([](Windows& windows) { windows = {{32, 32, 256}, {32, 32, 32}, 1, 1, 0, 0}; })) << "a plain product";
  EXPECT_FALSE(other([](Windows& windows) { windows.input.width = windows.output.width = 500; })) << "large rows";
}

/// z = tanh(x W) for some rows, and a step of SGD with the first numbers of z as gradients of W.
struct Work {
  std::unique_ptr<Backend> backend = make_tested_backend();
  Buffer<float> x{*backend, std::vector<float>{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}};
  Buffer<float> weights{*backend, std::vector<float>{.1f, .2f, -.3f, .1f, -.2f, .4f}};
  Buffer<float> bias{*backend, 2}, z{*backend, 8}, moment{*backend, 6}, sum{*backend, 1};
  Buffer<float> ones{*backend, std::vector<float>(600, 1.0f)};
  std::size_t rows = 4;
  float rate = 0.5f;
  std::function<void()> in_the_middle = [] {};

  void operator()() {
    const MatrixView<float> rows_of_z{z.data(), rows, 2};
    backend->forward(
        Dense{{x.data(), rows, 3}, {weights.data(), 3, 2}, bias.data(), rows_of_z, rows_of_z, Activation::Tanh, {}});
    in_the_middle();
    Update update;
    update.learning_rate = rate;
    update.parameters = weights.data();
    update.gradients = z.data();
    update.first_moment = moment.data();
    update.count = weights.size();
    backend->update(update);
  }
};

/// Called before each of six times, 0 to 5.
using Prepare = void (*)(Work& work, int time);

/// Expects that the same comes of work that is repeated as of the same work done plainly.
/// @return what was done with graphs
HostGraphCounts repeat_six_times(Prepare prepare) {
  Work plain, repeated;
  std::unique_ptr<Repetition> repetition;
  const HostGraphCounts before = host_graph_counts;
  for (int time = 0; time < 6; ++time) {
    for (Work* work : {&plain, &repeated}) prepare(*work, time);
    plain();
    repeated.backend->repeat(repetition, [&] { repeated(); });
    EXPECT_EQ(repeated.weights.download(), plain.weights.download()) << time;
    EXPECT_EQ(repeated.sum.download(), plain.sum.download()) << time;
  }
  const HostGraphCounts& now = host_graph_counts;
  return {now.instantiated - before.instantiated, now.patched - before.patched, now.launched - before.launched};
}

TEST(CudaRepeat, LaunchesAGraphFromTheSecondTimeOn) {
  const auto counts = repeat_six_times([](Work&, int) {});

  EXPECT_EQ(counts.instantiated, 1);
  EXPECT_EQ(counts.patched, 0);
  EXPECT_EQ(counts.launched, 5);
}

TEST(CudaRepeat, PatchesKernelsWhoseArgumentsHaveChanged) {
  const auto counts = repeat_six_times([](Work& work, int time) { work.rate = 0.1f * static_cast<float>(time); });

  EXPECT_EQ(counts.instantiated, 1);
  EXPECT_EQ(counts.patched, 4);
  EXPECT_EQ(counts.launched, 5);
}

TEST(CudaRepeat, CapturesAnewAfterOtherCalls) {
  const Prepare other_product = [](Work& work, int time) { work.rows = time < 3 ? 4 : 3; };
  const Prepare one_less = [](Work& work, int time) { work.rows = time == 3 ? 0 : 4; };
  const Prepare one_more = [](Work& work, int time) {
    work.in_the_middle = [&work, time] {
      if (time == 3) work.backend->zero(work.z.data(), 2);
    };
  };
  const Prepare more_memory = [](Work& work, int time) {
    work.in_the_middle = [&work, count = time == 3 ? 600 : 6] {
      work.backend->add_squares(work.ones.data(), count, work.sum.data());
    };
  };
  const Prepare waiting = [](Work& work, int time) {
    work.in_the_middle = [&work, time] {
      if (time == 3) work.backend->synchronise();
    };
  };
  for (const Prepare prepare : {other_product, one_less, one_more, more_memory, waiting}) {
    const auto counts = repeat_six_times(prepare);
    EXPECT_EQ(counts.instantiated, 2);
    EXPECT_EQ(counts.launched, 4);  // all but the first and the fourth time
  }
}

TEST(CudaRepeat, MakesCallsOneByOneForEverWhereNoGraphCanHoldThem) {
  const Prepare download = [](Work& work, int) {
    work.in_the_middle = [&work] { work.rate = work.z.download()[0]; };
  };
  const Prepare upload = [](Work& work, int time) {
    work.in_the_middle = [&work, numbers = std::vector(4, static_cast<float>(time))] {
      work.backend->upload(numbers, work.z.data());
    };
  };
  const Prepare allocate = [](Work& work, int) {
    work.in_the_middle = [&work] { work.sum = {*work.backend, 1}; };
  };
  for (const Prepare prepare : {download, upload, allocate}) {
    const auto counts = repeat_six_times(prepare);
    EXPECT_EQ(counts.instantiated, 0);
    EXPECT_EQ(counts.launched, 0);
  }
}

TEST(CudaRepeat, TakesWorkThatIsRepeatedWithinOtherWorkAsAPartOfIt) {
  Work work;
  std::unique_ptr<Repetition> outer, inner;
  work.in_the_middle = [&] { work.backend->repeat(inner, [&] { work.backend->zero(work.z.data(), 2); }); };
  const int before = host_graph_counts.launched;

  for (int time = 0; time < 4; ++time) work.backend->repeat(outer, [&] { work(); });

  EXPECT_EQ(host_graph_counts.launched - before, 3);
}

TEST(CudaRepeat, GoesOnAfterWorkThatHasThrown) {
  Work work, plain;
  std::unique_ptr<Repetition> repetition;
  const auto repeat = [&] { work.backend->repeat(repetition, [&] { work(); }); };
  for (const int times : {1, 2, 3}) {  // while nothing is known, while calls are captured, while they are compared
    work.in_the_middle = [] { throw std::runtime_error("stop"); };
    EXPECT_THROW(repeat(), std::runtime_error);
    work.in_the_middle = [] {};
    for (int time = 0; time < times; ++time) repeat();
  }

  for (int time = 0; time < 6; ++time) plain();
  EXPECT_EQ(work.weights.download(), plain.weights.download());
}

}  // namespace
}  // namespace regatta::device
