#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

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
    for (std::size_t b = 0; b < left.size(); ++b) expect_near(left[b], right[b], b);
  }

  static void expect_near(const Floats& left, const Floats& right, std::size_t block, float tolerance = 2e-5f) {
    float largest = 1;
    for (const float number : right) largest = std::max(largest, std::abs(number));
    for (std::size_t i = 0; i < left.size(); ++i)
      ASSERT_NEAR(left[i], right[i], tolerance * largest) << "block " << block << " at " << i;
  }

  std::unique_ptr<Backend> cuda = make_tested_backend(), cpu = make_cpu_backend();
};

/// Above and left as for odd windows that are centred on pixels.
const Windows convolutions[] = {{{1, 1, 1}, {1, 1, 1}, 1, 1, 0, 0},   {{5, 7, 3}, {5, 7, 17}, 3, 1, 1, 1},
                                {{5, 7, 17}, {5, 7, 3}, 1, 1, 0, 0},  {{7, 6, 2}, {4, 3, 5}, 3, 2, 1, 1},
                                {{9, 9, 1}, {5, 5, 33}, 5, 1, 0, 0},  {{3, 4, 4}, {3, 4, 4}, 7, 1, 3, 3},
                                {{7, 6, 8}, {4, 3, 5}, 3, 2, 1, 1},   {{4, 5, 13}, {4, 5, 3}, 5, 1, 2, 2}};

/// Blocks of run_convolution().
enum Numbers : std::size_t { Z, Y, X, Weights, Bias, Dz, Dw, Db, Dx };

/// A layer forward and back, of factors that `change`(numbers) gives.
template <class Change>
void run_convolution(Backend& backend, Made& made, const Windows& windows, std::size_t samples, Activation activation,
                     const Change& change) {
  const std::size_t in = windows.input.size(), out = windows.output.size();
  const std::size_t terms = windows.side * windows.side * windows.input.channels, filters = windows.output.channels;
  const MatrixView<float> z{made.zeros(samples * out), samples, out};
  const MatrixView<float> y{made.zeros(samples * out), samples, out};
  const Convolution layer{windows,
                          {made.of(change(normal_numbers(samples * in, 1))), samples, in},
                          {made.of(change(normal_numbers(terms * filters, 2))), terms, filters},
                          made.of(normal_numbers(filters, 3)),
                          activation == Relu ? y : z,
                          y,
                          activation};
  backend.forward(layer);
  backend.backward(layer, {{made.of(change(normal_numbers(samples * out, 4))), samples, out},
                           {made.zeros(terms * filters), terms, filters},
                           made.zeros(filters),
                           {made.zeros(samples * in), samples, in}});
}

TEST_F(CudaImageAgreement, ConvolvesAndDifferentiates) {
  for (const Windows& windows : convolutions)
    for (const Activation activation : {Identity, Relu, Gelu})
      expect_agreement([&](Backend& backend, Made& made) {
        run_convolution(backend, made, windows, 3, activation, [](const Floats& numbers) { return numbers; });
      });
}

struct RoundedConvolution {
  Windows windows;
  std::size_t samples;
  bool by_tiles_only = true;  ///< else dL/dx comes from cuBLAS
};
/// Whose products are those of tiles; at last of unrolled windows.
const RoundedConvolution rounded_convolutions[] = {
    {{{8, 8, 32}, {8, 8, 64}, 3, 1, 1, 1}, 3},   {{{6, 5, 48}, {6, 5, 32}, 3, 1, 1, 1}, 3},
    {{{9, 7, 32}, {5, 4, 48}, 3, 2, 1, 1}, 4},   {{{7, 9, 32}, {3, 4, 32}, 3, 2, 0, 0}, 2},
    {{{5, 6, 48}, {5, 6, 32}, 5, 1, 2, 2}, 1},   {{{8, 8, 32}, {4, 4, 32}, 5, 1, 0, 0}, 9},
    {{{5, 5, 32}, {3, 3, 80}, 1, 2, 0, 0}, 3},   {{{4, 4, 64}, {4, 4, 128}, 1, 1, 0, 0}, 9},
    {{{1, 1, 32}, {1, 1, 32}, 3, 1, 1, 1}, 130}, {{{3, 4, 128}, {3, 4, 32}, 3, 1, 1, 1}, 2},
    {{{5, 7, 3}, {5, 7, 32}, 3, 1, 1, 1}, 4, false}, {{{5, 8, 4}, {5, 8, 48}, 2, 1, 0, 0}, 5, false},
    {{{6, 6, 3}, {6, 6, 32}, 1, 1, 0, 0}, 4, false}};

/// The nearest numbers with 10 bits behind the point for Tf32, else 7.
Floats rounded(Floats numbers, Precision precision) {
  for (float& number : numbers) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    number = std::bit_cast<float>(precision == Precision::Tf32 ? (bits + 0x1000) & 0xffffe000u
                                                               : (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
  }
  return numbers;
}

/// The blocks of a convolution of rounded factors, or of such that the backend may round.
std::vector<Floats> convolved(Backend& backend, const RoundedConvolution& layer, Activation activation,
                              std::optional<Precision> precision) {
  Made made(backend);
  run_convolution(backend, made, layer.windows, layer.samples, activation,
                  [&](const Floats& numbers) { return precision ? rounded(numbers, *precision) : numbers; });
  return made.all();
}

TEST_F(CudaImageAgreement, ConvolvesRoundedNumbersInTiles) {
  for (const RoundedConvolution& layer : rounded_convolutions) {
    SCOPED_TRACE(testing::Message() << layer.windows.input.channels << " to " << layer.windows.output.channels << " channels, side "
                                    << layer.windows.side);
    const auto exact = convolved(*cpu, layer, Identity, std::nullopt);
    for (const Precision precision : {Precision::Tf32, Precision::Bf16}) {
      cuda->set_precision(precision);
      const auto got = convolved(*cuda, layer, Identity, std::nullopt), wanted = convolved(*cpu, layer, Identity, precision);

      expect_near(got[Db], exact[Db], Db);
      for (const Numbers block : {Z, Dw, Dx}) {
        if (block == Dx && !layer.by_tiles_only) continue;
        expect_near(got[block], wanted[block], block);
        EXPECT_NE(got[block], exact[block]);
      }
    }
  }
}

TEST_F(CudaImageAgreement, ActivatesWhatTilesConvolveAndRepeatsItselfBitForBit) {
  const RoundedConvolution layer{{{4, 5, 32}, {4, 5, 48}, 3, 1, 1, 1}, 31};
  cuda->set_precision(Precision::Tf32);
  for (const Activation activation : {Relu, Gelu}) {
    const auto got = convolved(*cuda, layer, activation, std::nullopt);
    expect_near(got[Y], convolved(*cpu, layer, activation, Precision::Tf32)[Y], Y);
    EXPECT_EQ(got, convolved(*cuda, layer, activation, std::nullopt));
  }
}

/// Not all of the products are those of tiles: how cuBLAS rounds is its own affair.
TEST_F(CudaImageAgreement, ConvolvesOtherRoundedNumbers) {
  const Windows all[] = {{{5, 7, 16}, {5, 7, 32}, 3, 1, 1, 1}, {{5, 7, 3}, {5, 7, 32}, 3, 1, 1, 1}, {{3, 3, 144}, {3, 3, 32}, 1, 1, 0, 0}};
  for (const Precision precision : {Precision::Tf32, Precision::Bf16})
    for (const Windows& windows : all) {
      cuda->set_precision(precision);
      Made got(*cuda), wanted(*cpu);
      for (Made* made : {&got, &wanted})
        run_convolution(made == &got ? *cuda : *cpu, *made, windows, 2, Identity, [](const Floats& numbers) { return numbers; });
      for (const Numbers block : {Z, Dw, Db, Dx}) expect_near(got.all()[block], wanted.all()[block], block, 0.02f);
    }
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
        Buffer<float> slope(backend, normal_numbers(rows * channels, 3));
        const BatchNormGradient gradient{{slope.data(), rows, channels},
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
