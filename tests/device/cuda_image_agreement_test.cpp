#include <algorithm>
#include <cmath>

#include "cuda_tested_backend.hpp"
#include "normal_numbers.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/buffer.hpp"

// The operations on images of the CUDA backend against those of the CPU backend.
namespace regatta::device {
namespace {

using Floats = std::vector<float>;
using enum Activation;

/// What an operation leaves behind on one backend, blocks on that backend.
class Made {
 public:
  explicit Made(Backend& backend) : backend_(backend) {}

  float* of(const Floats& numbers) { return blocks_.emplace_back(backend_, numbers).data(); }
  float* zeros(std::size_t count) { return blocks_.emplace_back(backend_, count).data(); }
  std::vector<Floats> all() const {
    std::vector<Floats> numbers;
    for (const auto& block : blocks_) numbers.push_back(block.download());
    return numbers;
  }

 private:
  Backend& backend_;
  std::vector<Buffer<float>> blocks_;
};

class CudaImageAgreement : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda) GTEST_SKIP() << tested_backend_absence();
  }

  /// `run`(backend, made) leaves the same numbers on both backends, but for sums in another order.
  template <class Run>
  void expect_agreement(const Run& run) {
    Made got(*cuda), wanted(*cpu);
    run(*cuda, got);
    run(*cpu, wanted);
    const auto left = got.all(), right = wanted.all();
    ASSERT_EQ(left.size(), right.size());
    for (std::size_t b = 0; b < left.size(); ++b) {
      float largest = 1;
      for (const float number : right[b]) largest = std::max(largest, std::abs(number));
      for (std::size_t i = 0; i < left[b].size(); ++i)
        ASSERT_NEAR(left[b][i], right[b][i], 2e-5f * largest) << "block " << b << " at " << i;
    }
  }

  std::unique_ptr<Backend> cuda = make_tested_backend(), cpu = make_cpu_backend();
};

/// Above and left as for odd windows that are centred on pixels.
const Windows convolutions[] = {{{1, 1, 1}, {1, 1, 1}, 1, 1, 0, 0},   {{5, 7, 3}, {5, 7, 17}, 3, 1, 1, 1},
                                {{5, 7, 17}, {5, 7, 3}, 1, 1, 0, 0},  {{7, 6, 2}, {4, 3, 5}, 3, 2, 1, 1},
                                {{9, 9, 1}, {5, 5, 33}, 5, 1, 0, 0},  {{3, 4, 4}, {3, 4, 4}, 7, 1, 3, 3},
                                {{7, 6, 8}, {4, 3, 5}, 3, 2, 1, 1},   {{4, 5, 13}, {4, 5, 3}, 5, 1, 2, 2}};

TEST_F(CudaImageAgreement, ConvolvesAndDifferentiates) {
  for (const Windows& windows : convolutions)
    for (const Activation activation : {Identity, Relu, Gelu})
      expect_agreement([&](Backend& backend, Made& made) {
        const std::size_t samples = 3, in = windows.input.size(), out = windows.output.size();
        const std::size_t terms = windows.side * windows.side * windows.input.channels, filters = windows.output.channels;
        const MatrixView<float> z{made.zeros(samples * out), samples, out};
        const MatrixView<float> y{activation == Gelu ? made.zeros(samples * out) : z.data, samples, out};
        const Convolution layer{windows,
                                {made.of(normal_numbers(samples * in, 1)), samples, in},
                                {made.of(normal_numbers(terms * filters, 2)), terms, filters},
                                made.of(normal_numbers(filters, 3)),
                                z,
                                y,
                                activation};
        backend.forward(layer);
        backend.backward(layer, {{made.of(normal_numbers(samples * out, 4)), samples, out},
                                 {made.zeros(terms * filters), terms, filters},
                                 made.zeros(filters),
                                 {made.zeros(samples * in), samples, in}});
      });
}

BatchNorm norm_of(Made& made, std::size_t rows, std::size_t channels, Activation activation) {
  BatchNorm layer;
  layer.x = {made.of(normal_numbers(rows * channels, 1)), rows, channels};
  layer.y = {made.zeros(rows * channels), rows, channels};
  layer.parameters = made.of(normal_numbers(2 * channels, 2));
  layer.running = made.of(Floats(2 * channels, 0.5f));
  layer.moments = made.zeros(2 * channels);
  layer.sums = made.zeros(2 * channels);
  layer.activation = activation;
  layer.training = true;
  layer.team_rows = rows;
  return layer;
}

TEST_F(CudaImageAgreement, NormalisesBatchesAndDifferentiates) {
  for (const auto& [rows, channels] : {std::pair<std::size_t, std::size_t>{2, 1}, {7, 3}, {256, 32}, {700, 33}})
    for (const Activation activation : {Identity, Relu, Tanh, Gelu, Sigmoid})
      expect_agreement([&, rows = rows, channels = channels](Backend& backend, Made& made) {
        BatchNorm layer = norm_of(made, rows, channels, activation);
        backend.sum_moments(layer);
        backend.forward(layer);
        const BatchNormGradient gradient{{made.of(normal_numbers(rows * channels, 3)), rows, channels},
                                         made.zeros(2 * channels),
                                         {made.zeros(rows * channels), rows, channels}};
        backend.sum_gradients(layer, gradient);
        layer.sums = gradient.parameters;
        backend.backward(layer, gradient);
      });
}

TEST_F(CudaImageAgreement, NormalisesByRunningMomentsAndWithoutRows) {
  expect_agreement([&](Backend& backend, Made& made) {
    BatchNorm layer = norm_of(made, 5, 3, Relu);
    layer.training = false;
    backend.forward(layer);
    layer.training = true;
    layer.sums = made.of(Floats{1, 2, 3, 4, 5, 6});  // of other ranks
    layer.x.rows = layer.y.rows = 0;
    backend.forward(layer);
  });
}

TEST_F(CudaImageAgreement, PoolsAndDifferentiates) {
  const Windows all[] = {{{1, 1, 1}, {1, 1, 1}, 2, 2, 0, 0},
                         {{5, 7, 3}, {3, 4, 3}, 2, 2, 0, 0},
                         {{7, 7, 2}, {3, 3, 2}, 3, 2, 0, 0},
                         {{5, 8, 33}, {2, 3, 33}, 2, 3, 0, 0},
                         {{5, 7, 4}, {1, 1, 4}, 7, 1, 0, 0}};
  for (const Windows& windows : all)
    for (const PoolKind kind : {PoolKind::Max, PoolKind::Average})
      expect_agreement([&](Backend& backend, Made& made) {
        const std::size_t in = windows.input.size(), out = windows.output.size();
        Floats x = normal_numbers(3 * in, 1);
        for (float& number : x) number = std::round(number);  // the same number several times in a window
        const Pool layer{kind, windows, {made.of(x), 3, in}, {made.zeros(3 * out), 3, out}};
        backend.forward(layer);
        Buffer<float> slope(backend, normal_numbers(3 * out, 2));
        backend.backward(layer, {slope.data(), 3, out}, {made.zeros(3 * in), 3, in});
      });
}

TEST_F(CudaImageAgreement, AddsAndDifferentiates) {
  for (const Activation activation : {Identity, Relu, Tanh, Gelu, Sigmoid})
    expect_agreement([&](Backend& backend, Made& made) {
      const auto view = [](float* block) { return MatrixView<float>{block, 5, 70}; };
      const Sum sum{view(made.of(normal_numbers(350, 1))), view(made.of(normal_numbers(350, 2))),
                    view(made.zeros(350)), activation};
      backend.forward(sum);
      const MatrixView<float> slope = view(made.of(normal_numbers(350, 3)));
      backend.backward(sum, slope, view(made.zeros(350)), slope);
    });
}

TEST_F(CudaImageAgreement, ChangesImagesAlike) {
  expect_agreement([&](Backend& backend, Made& made) {
    const Augmentation augmentation{{5, 7, 3}, 2, true, 99};
    const Buffer<std::int32_t> rows(backend, std::vector<std::int32_t>{4, 0, 9, 9, 2, 7});
    const MatrixView<const float> source{made.of(normal_numbers(10 * 105, 1)), 10, 105};
    backend.gather(source, rows.data(), augmentation, {made.zeros(6 * 105), 6, 105});
  });
}

}  // namespace
}  // namespace regatta::device
