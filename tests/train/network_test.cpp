#include "regatta/train/network.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "../device/normal_numbers.hpp"
#include "far_backend.hpp"
#include "regatta/device/buffer.hpp"

namespace regatta::train {
namespace {

using device::Activation;
using device::LossKind;

constexpr std::size_t batch_size = 7, inputs = 5;

/// The same network in double precision with the mathematical library, to take differences of.
class Reference {
 public:
  Reference(const MlpSpec& spec, LossKind loss, std::vector<float> x, std::vector<std::int32_t> labels,
            std::vector<float> values)
      : spec_(spec), loss_(loss), x_(std::move(x)), labels_(std::move(labels)), values_(std::move(values)) {}

  double mean_loss(const std::vector<double>& parameters) const {
    double sum = 0;
    for (std::size_t i = 0; i < batch_size; ++i) {
      const auto first = x_.begin() + static_cast<long>(i * inputs);
      sum += loss_of(outputs({first, first + inputs}, parameters), i);
    }
    return sum / batch_size;
  }

 private:
  double activate(double z) const {
    switch (spec_.activation) {
      case Activation::Relu:
        return std::max(z, 0.0);
      case Activation::Tanh:
        return std::tanh(z);
      case Activation::Gelu:
        return 0.5 * z * (1 + std::tanh(std::sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
      case Activation::Sigmoid:
        return 1 / (1 + std::exp(-z));
      default:
        return z;
    }
  }

  std::vector<double> outputs(std::vector<double> y, const std::vector<double>& parameters) const {
    std::vector<std::size_t> widths = spec_.hidden;
    widths.push_back(spec_.outputs);
    std::size_t weight = 0, bias = weight_count(mlp(spec_));
    for (std::size_t l = 0; l < widths.size(); ++l) {
      std::vector<double> next(widths[l]);
      for (std::size_t j = 0; j < widths[l]; ++j) {
        double z = parameters[bias + j];
        for (std::size_t i = 0; i < y.size(); ++i) z += y[i] * parameters[weight + i * widths[l] + j];
        next[j] = l + 1 < widths.size() ? activate(z) : z;
      }
      weight += y.size() * widths[l];
      bias += widths[l];
      y = next;
    }
    return y;
  }

  double loss_of(const std::vector<double>& y, std::size_t i) const {
    if (loss_ == LossKind::BinaryCrossEntropy) return std::log1p(std::exp(y[0])) - labels_[i] * y[0];
    double sum = 0;
    if (loss_ == LossKind::CrossEntropy) {
      for (const double logit : y) sum += std::exp(logit);
      return std::log(sum) - y[static_cast<std::size_t>(labels_[i])];
    }
    for (std::size_t o = 0; o < y.size(); ++o) {
      const double target = static_cast<double>(values_[i * y.size() + o]), error = y[o] - target;
      sum += loss_ == LossKind::Squared    ? error * error
             : loss_ == LossKind::Absolute ? std::fabs(error)
                                           : std::fabs(error) / std::max(std::fabs(target), 1e-8);
    }
    return sum / static_cast<double>(y.size());
  }

  MlpSpec spec_;
  LossKind loss_;
  std::vector<float> x_;
  std::vector<std::int32_t> labels_;
  std::vector<float> values_;
};

class GradientCheck : public testing::TestWithParam<std::tuple<Activation, LossKind>> {};

TEST_P(GradientCheck, AgreesWithDifferencesOfADoublePrecisionNetwork) {
  const auto [activation, loss] = GetParam();
  const std::size_t outputs = loss == LossKind::BinaryCrossEntropy ? 1 : 3;
  const MlpSpec spec{inputs, {6, 4}, outputs, activation, 0, Init::Auto};
  Random random(3);
  std::vector<float> x(batch_size * inputs), values(batch_size * outputs);
  for (auto* numbers : {&x, &values})
    for (float& number : *numbers) number = static_cast<float>(random.normal());
  std::vector<std::int32_t> labels(batch_size);
  for (auto& label : labels) label = static_cast<std::int32_t>(random.below(outputs == 1 ? 2 : outputs));
  const auto backend = device::make_cpu_backend();
  Network network(*backend, mlp(spec), batch_size, 17);
  device::Buffer<float> sum(*backend, 1);

  const auto y = network.forward({x.data(), batch_size, inputs}, 1, 0, batch_size);
  backend->loss(loss, y, {labels.data(), values.data()}, 1.0f / batch_size, network.output_gradient(),
                sum.data());
  network.backward([](std::size_t) {});

  const Reference reference(spec, loss, x, labels, values);
  const std::vector<float> start = network.parameters().download(),
                           gradients = network.gradients().download();
  std::vector<double> parameters(start.begin(), start.end());
  EXPECT_NEAR(sum.download()[0] / batch_size, reference.mean_loss(parameters), 1e-5);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double kept = parameters[i];
    parameters[i] = kept + 1e-6;
    const double above = reference.mean_loss(parameters);
    parameters[i] = kept - 1e-6;
    const double difference = (above - reference.mean_loss(parameters)) / 2e-6;
    parameters[i] = kept;
    ASSERT_NEAR(gradients[i], difference, 2e-5 * std::max(1.0, std::fabs(difference))) << "parameter " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GradientCheck,
                         testing::Combine(testing::Values(Activation::Relu, Activation::Tanh,
                                                          Activation::Gelu, Activation::Sigmoid),
                                          testing::Values(LossKind::CrossEntropy,
                                                          LossKind::BinaryCrossEntropy, LossKind::Squared,
                                                          LossKind::Absolute, LossKind::AbsolutePercentage)));

TEST(Network, CountsItsParameters) {
  EXPECT_EQ(weight_count(mlp({64, {128, 128}, 10})), 64u * 128 + 128 * 128 + 128 * 10);
  EXPECT_EQ(parameter_count(mlp({64, {128, 128}, 10})), 26122u);
  EXPECT_EQ(parameter_count(mlp({4, {}, 3})), 15u);
}

double variance_of_first_layer(Init init, Activation activation) {
  const NetworkSpec spec = mlp({200, {100}, 1, activation, 0, init});
  const std::vector<float> parameters = initial_parameters(spec, 5);
  const auto squares = std::accumulate(parameters.begin(), parameters.begin() + 20000, 0.0,
                                       [](double sum, float w) { return sum + static_cast<double>(w * w); });
  return squares / 20000;
}

TEST(Network, DrawsWeightsWithTheVarianceOfItsInit) {
  EXPECT_NEAR(variance_of_first_layer(Init::He, Activation::Tanh) / (2.0 / 200), 1, 0.05);
  EXPECT_NEAR(variance_of_first_layer(Init::Xavier, Activation::Relu) / (2.0 / 300), 1, 0.05);
  EXPECT_NEAR(variance_of_first_layer(Init::Lecun, Activation::Relu) / (1.0 / 200), 1, 0.05);
  EXPECT_EQ(variance_of_first_layer(Init::Auto, Activation::Relu),
            variance_of_first_layer(Init::He, Activation::Relu));
  EXPECT_EQ(variance_of_first_layer(Init::Auto, Activation::Tanh),
            variance_of_first_layer(Init::Xavier, Activation::Tanh));
}

TEST(Network, StartsWithoutBiasesAndAlikeForTheSameSeed) {
  const NetworkSpec spec = mlp({3, {4}, 2});
  const std::vector<float> parameters = initial_parameters(spec, 5);

  EXPECT_TRUE(std::all_of(parameters.begin() + 20, parameters.end(), [](float b) { return b == 0; }));
  EXPECT_EQ(parameters, initial_parameters(spec, 5));
  EXPECT_NE(parameters, initial_parameters(spec, 6));
}

TEST(Network, RefusesImpossibleSpecs) {
  const auto backend = device::make_cpu_backend();
  EXPECT_THROW(Network(*backend, mlp({0, {}, 1}), 1, 0), InvalidInput);
  EXPECT_THROW(Network(*backend, mlp({1, {0}, 1}), 1, 0), InvalidInput);
  EXPECT_THROW(Network(*backend, mlp({1, {2}, 1, Activation::Relu, 1.0f}), 1, 0), InvalidInput);
}

TEST(Network, TellsReadyGradientsFromTheLastLayerToTheFirst) {
  const auto backend = device::make_cpu_backend();
  Network network(*backend, mlp({3, {4, 5}, 2}), 2, 0);
  const std::vector<float> x(6, 1.0f);
  std::vector<std::size_t> order, order_of_nothing;

  network.forward({x.data(), 2, 3}, 0, 0, 2);
  network.backward([&](std::size_t first) { order.push_back(first); });
  network.learn_nothing(0, 2, [&](std::size_t first) { order_of_nothing.push_back(first); });

  EXPECT_THAT(order, testing::ElementsAre(32, 12, 0));
  EXPECT_EQ(order_of_nothing, order);
  EXPECT_EQ(network.gradients().download(), std::vector<float>(network.gradients().size(), 0.0f));
}

TEST(Network, PenalisesWeightsButNotBiases) {
  const auto backend = device::make_cpu_backend();
  Network network(*backend, mlp({1, {}, 1}), 1, 3);
  const float before = network.parameters().download()[0];
  OptimizerSpec decay{device::OptimizerKind::Sgd, 0, false, 0.9, 0.999, 1e-8, 0.5, 0};

  network.update(decay, 0.1, 1);

  EXPECT_NEAR(network.parameters().download()[0], 0.95f * before, 1e-7);
  EXPECT_EQ(network.parameters().download()[1], 0);
}

TEST(Network, AppliesDropoutOnlyWhenTraining) {
  const auto backend = device::make_cpu_backend();
  Network network(*backend, mlp({2, {100}, 1, Activation::Relu, 0.5f}), 1, 3);
  const std::vector<float> x{1, 2};
  const auto output = [](device::MatrixView<const float> y) { return y.data[0]; };

  const float judged = output(network.forward({x.data(), 1, 2}));
  const float trained = output(network.forward({x.data(), 1, 2}, 8, 0, 1));

  EXPECT_NE(trained, judged);
  EXPECT_EQ(output(network.forward({x.data(), 1, 2}, 8, 0, 1)), trained);
  EXPECT_NE(output(network.forward({x.data(), 1, 2}, 9, 0, 1)), trained);
  EXPECT_EQ(output(network.forward({x.data(), 1, 2})), judged);
}

std::size_t one_of(Random& random, std::initializer_list<std::size_t> choices) {
  return choices.begin()[random.below(choices.size())];
}

LayerSpec any_image_layer(Random& random) {
  constexpr Activation activations[] = {Activation::Relu, Activation::Gelu, Activation::Tanh};
  const Activation activation = activations[random.below(3)];
  const auto kind = random.below(2) == 0 ? device::PoolKind::Max : device::PoolKind::Average;
  switch (random.below(8)) {
    case 0:
      return BatchNormSpec{activation};
    case 1:
    case 2:
    case 3:
      return PoolSpec{kind, one_of(random, {1, 2, 3, 5}), one_of(random, {1, 2, 3})};
    default:
      return ConvolutionSpec{one_of(random, {1, 3, 6, 8, 16, 19}), one_of(random, {1, 2, 3, 5}),
                             one_of(random, {1, 1, 2, 3}), true, activation};
  }
}

/// Convolutions, poolings, normalizations and blocks of them, of images so large that few fit a cache.
NetworkSpec any_image_network(Random& random) {
  NetworkSpec spec{{30 + random.below(40), 30 + random.below(40), 1 + random.below(4)}, {}};
  const auto add_layers = [&](std::vector<LayerSpec>& layers) {
    for (std::size_t l = 1 + random.below(4); l > 0; --l) layers.push_back(any_image_layer(random));
  };
  add_layers(spec.layers);
  spec.layers.push_back(ConvolutionSpec{.filters = 5});
  if (random.below(2) == 0) {  // both ways end in one pixel of as many channels
    ResidualSpec block{
        {}, {ConvolutionSpec{.filters = 7}, PoolSpec{device::PoolKind::Average, 0, 1}}, Activation::Relu};
    add_layers(block.body);
    for (const LayerSpec& layer : block.skip) block.body.push_back(layer);
    spec.layers.push_back(block);
  }
  spec.layers.push_back(DenseSpec{3});
  return spec;
}

/// Outputs and gradients of a batch of images in pieces, between others as a trained network judges them, on
/// a backend that has them pass in groups, where there are enough of them in bundles, or as a whole.
std::vector<float> image_gradients(device::Backend& backend, const NetworkSpec& spec, std::size_t samples,
                                   const MicroBatches& micro, std::size_t frozen_layers) {
  const std::size_t numbers = size_of(spec.input);
  Network network(backend, spec, samples, 1, {}, {}, micro);
  network.freeze(frozen_layers);
  const device::Buffer<float> x(backend, device::normal_numbers(samples * numbers, 1));
  std::vector<float> all;
  const auto add_outputs = [&](device::MatrixView<const float> y) {
    all.resize(all.size() + y.size());
    backend.download(y.data, std::span(all).last(y.size()));
  };
  const auto rows = [&](std::size_t piece) {
    const Share share = share_of(samples, piece, micro.most);
    return device::MatrixView<const float>{x.data() + share.first * numbers, share.end - share.first,
                                           numbers};
  };
  add_outputs(network.forward({x.data(), samples, numbers}));
  add_outputs(network.forward({x.data(), 1, numbers}));
  for (std::size_t i = 0; i < micro.most; ++i)
    add_outputs(network.forward(rows(i), 8, share_of(samples, i, micro.most).first, samples, nullptr, i));
  std::vector<std::size_t> ready;
  for (std::size_t i = micro.most; i-- > 0;) {
    const auto y = network.recall(i);
    backend.upload(device::normal_numbers(y.size(), 2 + i), network.output_gradient().data);
    network.backward([&](std::size_t first) { ready.push_back(first); });
  }
  EXPECT_EQ(ready.back(), 0u);
  EXPECT_TRUE(std::ranges::is_sorted(ready, std::greater()));
  const std::vector<float> gradients = network.gradients().download();
  all.insert(all.end(), gradients.begin(), gradients.end());
  add_outputs(network.forward({x.data(), samples - 1, numbers}));
  return all;
}

/// Both at least nearly the same, as sums are taken in another order.
void expect_near(const std::vector<float>& numbers, const std::vector<float>& wanted) {
  ASSERT_EQ(numbers.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(numbers[i], wanted[i], 1e-3f * std::max(1.0f, std::fabs(wanted[i]))) << i;
}

TEST(Network, IsTheSameWhereImagesPassInGroups) {
  const auto backend = device::make_cpu_backend();
  FarBackend far;
  Random random(1);
  for (int i = 0; i < 40; ++i) {
    SCOPED_TRACE(i);
    const NetworkSpec spec = any_image_network(random);
    const std::size_t frozen = random.below(spec.layers.size());
    const std::size_t samples = one_of(random, {7, 12, 23});
    const MicroBatches micro{one_of(random, {1, 1, 2, 3, 7}), random.below(2) == 0};
    expect_near(image_gradients(*backend, spec, samples, micro, frozen),
                image_gradients(far, spec, samples, micro, frozen));
  }
}

}  // namespace
}  // namespace regatta::train
