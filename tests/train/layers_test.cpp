#include <cmath>
#include <string>

#include "layer_reference.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/layer_chain.hpp"

namespace regatta::train {
namespace {

using device::Activation;
using device::PoolKind;
using Numbers = std::vector<double>;

std::vector<float> normal_numbers(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(random.normal());
  return numbers;
}

/// A chain of layers in training and what it makes of one batch; the loss is a weighted sum of the outputs.
struct Trained {
  Trained(const std::vector<LayerSpec>& layers, const Shape& shape, std::size_t samples)
      : chain(layers, shape),
        counts(chain.counts()),
        x(normal_numbers(samples * size_of(shape), 1)),
        weights(counts.weights),
        biases(counts.biases),
        statistics(counts.statistics),
        loss_weights(normal_numbers(samples * size_of(chain.output()), 2)),
        dw(counts.weights),
        db(counts.biases),
        dx(x.size()) {
    chain.draw(3, weights, biases, statistics);
    for (float& bias : biases) bias += 0.1f;  // other than at the start
    chain.place(*backend, {weights.data(), dw.data(), biases.data(), db.data(), statistics.data()}, samples);
    const auto outputs = chain.forward({x.data(), samples, size_of(shape)}, {true, 5, 0, samples, nullptr});
    y.assign(outputs.data, outputs.data + outputs.size());
    std::vector<float> slope = loss_weights;
    chain.backward({slope.data(), samples, outputs.columns}, {dx.data(), samples, size_of(shape)});
  }

  std::unique_ptr<device::Backend> backend = device::make_cpu_backend();
  LayerChain chain;
  ParameterCounts counts;
  std::vector<float> x, weights, biases, statistics, loss_weights, y, dw, db, dx;
};

struct Case {
  std::string name;
  std::vector<LayerSpec> layers;
  Shape shape;
  std::size_t samples = 3;
};

class LayerGradient : public testing::TestWithParam<Case> {};

TEST_P(LayerGradient, AgreesWithDifferencesOfADoublePrecisionReference) {
  const auto& [name, layers, shape, samples] = GetParam();
  const Trained trained(layers, shape, samples);
  Numbers x(trained.x.begin(), trained.x.end()), weights(trained.weights.begin(), trained.weights.end()),
      biases(trained.biases.begin(), trained.biases.end());
  const auto run = [&] { return LayerReference(weights, biases).run(layers, {shape, x}); };
  const auto loss = [&] {
    const Numbers y = run().numbers;
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * static_cast<double>(trained.loss_weights[i]);
    return sum;
  };

  const LayerReference::Batch y = run();
  ASSERT_EQ(y.shape, trained.chain.output());
  for (std::size_t i = 0; i < y.numbers.size(); ++i) ASSERT_NEAR(trained.y[i], y.numbers[i], 2e-5) << i;
  const auto expect = [&](const char* what, Numbers& numbers, const std::vector<float>& gradient) {
    const std::size_t step = numbers.size() / 32 + 1;  // enough of them to see every place of a kernel
    for (std::size_t i = 0; i < numbers.size(); i += step) {
      const double kept = numbers[i];
      numbers[i] = kept + 1e-6;
      const double above = loss();
      numbers[i] = kept - 1e-6;
      const double difference = (above - loss()) / 2e-6;
      numbers[i] = kept;
      ASSERT_NEAR(gradient[i], difference, 1e-4 * std::max(1.0, std::fabs(difference))) << what << " " << i;
    }
  };
  expect("weight", weights, trained.dw);
  expect("bias", biases, trained.db);
  expect("input", x, trained.dx);
}

LayerSpec convolution(std::size_t filters, std::size_t kernel, std::size_t stride = 1, bool padded = true,
                      Activation activation = Activation::Tanh) {
  return ConvolutionSpec{filters, kernel, stride, padded, activation, Init::Auto};
}

const std::vector<LayerSpec> block{convolution(4, 3), BatchNormSpec{Activation::Gelu}, convolution(4, 3),
                                   BatchNormSpec{}};

INSTANTIATE_TEST_SUITE_P(
    All, LayerGradient,
    testing::Values(Case{"Convolution1x1", {convolution(3, 1)}, {5, 7, 3}},
                    Case{"Convolution3x3OfOneChannel", {convolution(17, 3)}, {5, 7, 1}},
                    Case{"Convolution3x3Of17Channels", {convolution(3, 3)}, {4, 5, 17}},
                    Case{"ConvolutionEven", {convolution(5, 4)}, {5, 7, 2}},
                    Case{"ConvolutionWiderThanTheImage", {convolution(2, 7)}, {3, 5, 2}},
                    Case{"ConvolutionStride2", {convolution(3, 3, 2)}, {5, 7, 2}},
                    Case{"ConvolutionStride3Kernel2", {convolution(3, 2, 3)}, {5, 7, 2}},
                    Case{"ConvolutionWithoutPadding", {convolution(3, 3, 1, false)}, {5, 7, 2}},
                    Case{"ConvolutionWithoutPaddingStride2", {convolution(9, 2, 2, false)}, {5, 8, 1}},
                    Case{"ConvolutionRelu", {convolution(3, 3, 1, true, Activation::Relu)}, {5, 7, 2}},
                    Case{"ConvolutionGelu", {convolution(3, 3, 1, true, Activation::Gelu)}, {5, 7, 2}},
                    Case{"ConvolutionSigmoid", {convolution(3, 3, 1, true, Activation::Sigmoid)}, {4, 3, 2}},
                    Case{"ConvolutionsOfBundles",
                         {convolution(7, 3), PoolSpec{}, convolution(9, 2, 2, false, Activation::Gelu)},
                         {7, 6, 2},
                         17},
                    Case{"BatchNormOfBundles",
                         {convolution(5, 3), BatchNormSpec{Activation::Tanh}, PoolSpec{PoolKind::Average},
                          BatchNormSpec{}, convolution(3, 1)},
                         {5, 4, 2},
                         11},
                    Case{"BatchNormIdentity", {BatchNormSpec{}}, {5, 7, 3}},
                    Case{"BatchNormRelu", {BatchNormSpec{Activation::Relu}}, {5, 7, 17}},
                    Case{"BatchNormTanh", {BatchNormSpec{Activation::Tanh}}, {5, 7, 1}},
                    Case{"BatchNormGelu", {BatchNormSpec{Activation::Gelu}}, {3, 3, 2}},
                    Case{"BatchNormOfUnits", {DenseSpec{6}, BatchNormSpec{Activation::Sigmoid}}, {4}},
                    Case{"MaxPool", {PoolSpec{}}, {5, 7, 3}},
                    Case{"MaxPoolOverlapping", {PoolSpec{PoolKind::Max, 3, 2}}, {5, 7, 2}},
                    Case{"MaxPoolWithGaps", {PoolSpec{PoolKind::Max, 2, 3}}, {5, 7, 2}},
                    Case{"AveragePoolWithGapsAtTheEnd", {PoolSpec{PoolKind::Average, 1, 3}}, {5, 6, 2}},
                    Case{"AveragePool", {PoolSpec{PoolKind::Average, 2, 2}}, {5, 7, 17}},
                    Case{"GlobalAveragePool", {PoolSpec{PoolKind::Average, 0, 1}}, {5, 7, 3}},
                    Case{"ResidualWithIdentity", {ResidualSpec{block, {}, Activation::Relu}}, {5, 7, 4}},
                    Case{"ResidualWithProjection",
                         {ResidualSpec{block, {convolution(4, 1)}, Activation::Gelu}},
                         {5, 4, 3}},
                    Case{"ResidualBehindALayer",
                         {convolution(4, 3), ResidualSpec{block, {}, Activation::Tanh}, PoolSpec{},
                          DenseSpec{3}},
                         {5, 5, 1}}),
    [](const auto& test) { return test.param.name; });

TEST(Layers, RefuseWhatCannotBe) {
  const auto make = [](const LayerSpec& spec, const Shape& shape) { make_layer(spec, shape); };
  EXPECT_THROW(make(convolution(4, 3), {64}), InvalidInput);
  EXPECT_THROW(make(convolution(0, 3), {8, 8, 1}), InvalidInput);
  EXPECT_THROW(make(convolution(4, 5, 1, false), {8, 4, 1}), InvalidInput);
  EXPECT_THROW(make(PoolSpec{PoolKind::Max, 2, 0}, {8, 8, 1}), InvalidInput);
  EXPECT_THROW(make(ResidualSpec{{convolution(4, 3)}, {}, Activation::Relu}, {8, 8, 1}), InvalidInput);
  EXPECT_THROW(make(ResidualSpec{}, {8, 8, 1}), InvalidInput);
}

TEST(BatchNorm, UsesItsRunningMomentsWhenItIsNotTrained) {
  Trained trained({BatchNormSpec{}}, {2, 2, 1}, 3);  // 12 numbers of one channel
  const std::vector<float> x{3, 3, 3, 3};
  double mean = 0, square = 0;
  for (const float number : trained.x) mean += static_cast<double>(number) / 12;
  for (const float number : trained.x) square += std::pow(static_cast<double>(number) - mean, 2) / 11;

  const auto y = trained.chain.forward({x.data(), 1, 4}, {false, 0, 0, 1, nullptr});

  EXPECT_NEAR(trained.statistics[0], 0.1 * mean, 1e-6);
  EXPECT_NEAR(trained.statistics[1], 0.9 + 0.1 * square, 1e-6);
  const double n = (3 - 0.1 * mean) / std::sqrt(0.9 + 0.1 * square + 1e-5);
  EXPECT_NEAR(y.data[0], 1.1 * n + 0.1, 1e-5);
}

}  // namespace
}  // namespace regatta::train
