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

/// Outputs and gradients of a batch of images, on a backend that has them pass in groups, or as a whole.
std::vector<float> image_gradients(device::Backend& backend, std::size_t frozen_layers) {
  constexpr std::size_t samples = 5, side = 64;
  const NetworkSpec spec{{side, side, 3},
                         {ConvolutionSpec{.filters = 8, .activation = Activation::Gelu}, PoolSpec{},
                          ConvolutionSpec{.filters = 16, .activation = Activation::Relu}, PoolSpec{},
                          DenseSpec{3}}};
  Network network(backend, spec, samples, 1);
  network.freeze(frozen_layers);
  const std::vector<float> images = device::normal_numbers(samples * side * side * 3, 1),
                           slopes = device::normal_numbers(samples * 3, 2);
  device::Buffer<float> x(backend, images);
  const auto y = network.forward({x.data(), samples, side * side * 3}, 8, 0, samples);
  std::vector<float> all(y.size());
  backend.download(y.data, all);
  backend.upload(slopes, network.output_gradient().data);
  network.backward({});
  const std::vector<float> gradients = network.gradients().download();
  all.insert(all.end(), gradients.begin(), gradients.end());
  return all;
}

TEST(Network, IsTheSameWhereImagesPassInGroups) {
  const auto backend = device::make_cpu_backend();
  FarBackend far;
  for (const std::size_t frozen : {0, 2, 3})
    EXPECT_THAT(image_gradients(*backend, frozen),
                testing::Pointwise(testing::FloatNear(1e-3f), image_gradients(far, frozen)))
        << frozen;
}

}  // namespace
}  // namespace regatta::train
