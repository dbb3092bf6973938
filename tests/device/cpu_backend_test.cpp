#include "regatta/device/backend.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "regatta/device/buffer.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::device {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::FloatNear;
using testing::Pointwise;
using Floats = std::vector<float>;

class CpuBackend : public testing::Test {
 protected:
  std::unique_ptr<Backend> backend = make_cpu_backend();

  void expect(const Floats& got, const Floats& wanted) {
    EXPECT_THAT(got, Pointwise(FloatNear(1e-6f), wanted));
  }
};

TEST_F(CpuBackend, HandsOutAlignedZeros) {
  const Buffer<float> numbers(*backend, 5);
  const Buffer<std::int32_t> indices(*backend, 3);

  EXPECT_EQ(numbers.download(), Floats(5, 0.0f));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers.data()) % 64, 0u);
  EXPECT_EQ(indices.data()[2], 0);
}

TEST_F(CpuBackend, SaysWhenABlockDoesNotFit) {
  EXPECT_THROW(backend->allocate(std::size_t{1} << 50), OutOfDeviceMemory);
  EXPECT_THROW(backend->allocate(std::numeric_limits<std::size_t>::max()), OutOfDeviceMemory);
}

TEST_F(CpuBackend, GathersRows) {
  const Floats source{1, 2, 3, 4, 5, 6};
  const std::vector<std::int32_t> labels{7, 8, 9}, rows{2, 0};
  Floats batch(4);
  std::vector<std::int32_t> taken(2);

  backend->gather(MatrixView<const float>{source.data(), 3, 2}, rows.data(), {batch.data(), 2, 2});
  backend->gather(MatrixView<const std::int32_t>{labels.data(), 3, 1}, rows.data(), {taken.data(), 2, 1});

  EXPECT_THAT(batch, ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(taken, ElementsAre(9, 7));
}

/// x (1, 2), (3, -1); W and b as below: z is known by hand.
struct SmallLayer {
  Floats x{1, 2, 3, -1}, weights{1, -1, 0.5f, 2}, bias{0.1f, -0.2f}, z = Floats(4), y = Floats(4);
  Dense dense{{x.data(), 2, 2}, {weights.data(), 2, 2}, bias.data(), {z.data(), 2, 2},
              {y.data(), 2, 2}, Activation::Identity,   {}};
};

TEST_F(CpuBackend, ComputesALayerByHand) {
  SmallLayer layer;
  layer.dense.activation = Activation::Relu;

  backend->forward(layer.dense);

  expect(layer.z, {2.1f, 2.8f, 2.6f, -5.2f});
  expect(layer.y, {2.1f, 2.8f, 2.6f, 0});
}

TEST_F(CpuBackend, ComputesGradientsOfALayerByHand) {
  SmallLayer layer;
  layer.dense.activation = Activation::Relu;
  backend->forward(layer.dense);
  Floats slope{1, 0.5f, -2, 4}, weights(4), bias(2), x(4);

  backend->backward(layer.dense,
                    {{slope.data(), 2, 2}, {weights.data(), 2, 2}, bias.data(), {x.data(), 2, 2}});

  expect(slope, {1, 0.5f, -2, 0});  // relu was shut at the last one
  expect(weights, {-5, 0.5f, 4, 1});
  expect(bias, {-1, 0.5f});
  expect(x, {0.5f, 1.5f, -2, -1});
}

TEST_F(CpuBackend, GivesTheSameGradientsWhereYTakesThePlaceOfZ) {
  for (const Activation kind : {Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid})
    for (const float rate : {0.0f, 0.5f}) {
      const auto gradients = [&](bool shares) {
        SmallLayer layer;
        layer.dense.activation = kind;
        layer.dense.dropout = {rate, 3, 0};
        if (shares) layer.dense.y = layer.dense.z;
        backend->forward(layer.dense);
        Floats slope{1, 0.5f, -2, 4}, weights(4), bias(2), x(4);
        backend->backward(layer.dense,
                          {{slope.data(), 2, 2}, {weights.data(), 2, 2}, bias.data(), {x.data(), 2, 2}});
        return std::vector{shares ? layer.z : layer.y, slope, weights, bias, x};
      };
      EXPECT_EQ(gradients(true), gradients(false)) << static_cast<int>(kind) << ", dropout " << rate;
    }
}

/// A thousand inputs are four strips of rows of the gradient of the weights, a hundred samples one.
TEST_F(CpuBackend, LetsItsCallerInBetweenPartsOfALongWayBack) {
  constexpr std::size_t samples = 100, inputs = 1000, outputs = 4500;
  Floats x(samples * inputs), w(inputs * outputs), z(samples * outputs);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::cos(static_cast<float>(i));
  const Dense dense{{x.data(), samples, inputs}, {w.data(), inputs, outputs}, nullptr, {z.data(), samples, outputs},
                    {z.data(), samples, outputs}};
  int calls = 0;
  const auto gradients = [&] {
    Floats slope(z.size()), weights(w.size()), bias(outputs), slope_x(x.size());
    for (std::size_t i = 0; i < slope.size(); ++i) slope[i] = std::sin(static_cast<float>(2 * i));
    backend->backward(dense, {{slope.data(), samples, outputs}, {weights.data(), inputs, outputs}, bias.data(), {slope_x.data(), samples, inputs}});
    weights.insert(weights.end(), slope_x.begin(), slope_x.end());
    return weights;
  };
  const Floats wanted = gradients();
  EXPECT_EQ(calls, 0);
  backend->set_interlude([&] { ++calls; });

  const Floats got = gradients();

  EXPECT_EQ(calls, 5);
  EXPECT_THAT(got, Pointwise(FloatNear(1e-4f), wanted));
  backend->set_interlude({});
  gradients();
  EXPECT_EQ(calls, 5);
}

TEST_F(CpuBackend, AppliesEachActivationToWholeRows) {
  for (const auto& [kind, wanted] : {std::pair{Activation::Tanh, std::tanh(0.5)},
                                     {Activation::Identity, 0.5},
                                     {Activation::Sigmoid, 1 / (1 + std::exp(-0.5))},
                                     {Activation::Gelu, 0.3457140}}) {
    const Floats x{1}, weights(40, 0.25f), bias(40, 0.25f);
    Floats z(40), y(40);
    backend->forward({{x.data(), 1, 1},
                      {weights.data(), 1, 40},
                      bias.data(),
                      {z.data(), 1, 40},
                      {y.data(), 1, 40},
                      kind,
                      {}});
    EXPECT_THAT(y, testing::Each(FloatNear(static_cast<float>(wanted), 1e-6f)));
  }
}

TEST_F(CpuBackend, DropsTheSameUnitsForwardAndBackward) {
  const std::size_t samples = 40, units = 50;
  const Floats x(samples, 1.0f), weights(units, 1.0f), bias(units, 0.0f);
  Floats z(samples * units), y(samples * units), slope(samples * units, 1.0f), w(units), b(units);
  Dense dense{
      {x.data(), samples, 1},     {weights.data(), 1, units}, bias.data(),   {z.data(), samples, units},
      {y.data(), samples, units}, Activation::Identity,       {0.25f, 99, 0}};

  backend->forward(dense);
  backend->backward(dense, {{slope.data(), samples, units}, {w.data(), 1, units}, b.data(), {}});

  EXPECT_EQ(slope, y);
  EXPECT_THAT(y, testing::Each(testing::AnyOf(0.0f, FloatEq(4.0f / 3))));
  EXPECT_NEAR(static_cast<double>(std::ranges::count(y, 0.0f)), 500, 100);
}

TEST_F(CpuBackend, DropsByThePlaceInTheGlobalBatch) {
  const std::size_t samples = 8, units = 33;
  const Floats x(samples, 1.0f), weights(units, 1.0f), bias(units, 0.0f);
  Floats whole(samples * units), half(samples * units / 2), z(samples * units);
  const auto pass = [&](Floats& y, std::size_t rows, std::uint64_t first) {
    backend->forward({{x.data(), rows, 1},
                      {weights.data(), 1, units},
                      bias.data(),
                      {z.data(), rows, units},
                      {y.data(), rows, units},
                      Activation::Relu,
                      {0.5f, 5, first}});
  };

  pass(whole, samples, 0);
  pass(half, samples / 2, samples / 2);

  EXPECT_EQ(half, Floats(whole.begin() + static_cast<long>(half.size()), whole.end()));
}

TEST_F(CpuBackend, KnowsTheCrossEntropyOfAQuarterAndThreeQuarters) {
  const Floats logits{0, std::log(3.0f)};
  const std::vector<std::int32_t> labels{0};
  Floats gradient(2);
  float sum = 1;

  backend->loss(LossKind::CrossEntropy, {logits.data(), 1, 2}, {labels.data()}, 2, {gradient.data(), 1, 2},
                &sum);

  EXPECT_NEAR(sum, 1 + std::log(4.0), 1e-6);
  expect(gradient, {-1.5f, 1.5f});
}

TEST_F(CpuBackend, WeighsClassesInLossAndGradient) {
  const Floats logits{0, 0, 0, 0}, weights{3, 0.5f};
  const std::vector<std::int32_t> labels{0, 1};
  Floats gradient(4);
  float sum = 0;

  backend->loss(LossKind::CrossEntropy, {logits.data(), 2, 2}, {labels.data(), nullptr, weights.data()}, 1,
                {gradient.data(), 2, 2}, &sum);

  EXPECT_NEAR(sum, 3.5 * std::log(2.0), 1e-6);
  expect(gradient, {-1.5f, 1.5f, 0.25f, -0.25f});
}

TEST_F(CpuBackend, SpreadsAShareOfEachLabelOverAllClasses) {
  const Floats logits{0, std::log(3.0f)}, logit{std::log(3.0f)};
  const std::vector<std::int32_t> labels{0};
  Floats gradient(2), binary(1);
  float sum = 0, binary_sum = 0;
  const Targets targets{labels.data(), nullptr, nullptr, 0.2f};

  backend->loss(LossKind::CrossEntropy, {logits.data(), 1, 2}, targets, 1, {gradient.data(), 1, 2}, &sum);
  backend->loss(LossKind::BinaryCrossEntropy, {logit.data(), 1, 1}, targets, 1, {binary.data(), 1, 1},
                &binary_sum);

  EXPECT_NEAR(sum, std::log(4.0) - 0.1 * std::log(3.0), 1e-6);
  expect(gradient, {0.25f - 0.9f, 0.75f - 0.1f});
  EXPECT_NEAR(binary_sum, std::log(4.0) - 0.1 * std::log(3.0), 1e-6);
  expect(binary, {0.75f - 0.1f});
}

TEST_F(CpuBackend, KnowsTheBinaryCrossEntropyByHand) {
  const Floats logits{0, std::log(3.0f)};
  const std::vector<std::int32_t> labels{1, 0};
  Floats gradient(2);
  float sum = 0;

  backend->loss(LossKind::BinaryCrossEntropy, {logits.data(), 2, 1}, {labels.data()}, 1,
                {gradient.data(), 2, 1}, &sum);

  EXPECT_NEAR(sum, std::log(2.0) + std::log(4.0), 1e-6);
  expect(gradient, {-0.5f, 0.75f});
}

TEST_F(CpuBackend, TakesRegressionLossesAsMeansOverTheOutputs) {
  const Floats outputs{3, 1, 0, 2}, targets{1, 2, 4, 2};
  const Targets truth{nullptr, targets.data()};
  const auto run = [&](LossKind kind) {
    Floats gradient(4);
    float sum = 0;
    backend->loss(kind, {outputs.data(), 2, 2}, truth, 0.5f, {gradient.data(), 2, 2}, &sum);
    gradient.push_back(sum);
    return gradient;
  };

  expect(run(LossKind::Squared), {1, -0.5f, -2, 0, 10.5f});
  expect(run(LossKind::Absolute), {0.25f, -0.25f, -0.25f, 0, 3.5f});
  expect(run(LossKind::AbsolutePercentage), {0.25f, -0.125f, -0.0625f, 0, 1.75f});
}

TEST_F(CpuBackend, ComputesOnlyTheLossWhenNoGradientIsAskedFor) {
  const Floats logits{0, 0};
  const std::vector<std::int32_t> labels{1};
  float sum = 0;
  backend->loss(LossKind::CrossEntropy, {logits.data(), 1, 2}, {labels.data()}, 1, {nullptr, 1, 2}, &sum);
  EXPECT_NEAR(sum, std::log(2.0), 1e-6);
}

/// One parameter under an optimizer, step by step.
struct Parameter {
  Backend& backend;
  Update update;
  float w = 1, m = 0, v = 0;

  float step(float gradient) {
    update.parameters = &w;
    update.gradients = &gradient;
    update.first_moment = &m;
    update.second_moment = &v;
    update.count = 1;
    backend.update(update);
    ++update.step;
    return w;
  }
};

Update rule(OptimizerKind kind) {
  Update update;
  update.kind = kind;
  update.learning_rate = 0.1f;
  return update;
}

TEST_F(CpuBackend, DescendsByMomentumAsByHand) {
  Parameter plain{*backend, rule(OptimizerKind::Sgd)}, nesterov = plain;
  plain.update.momentum = nesterov.update.momentum = 0.9f;
  nesterov.update.nesterov = true;

  EXPECT_THAT((Floats{plain.step(1), plain.step(1), plain.step(-1)}),
              Pointwise(FloatNear(1e-6f), Floats{0.9f, 0.71f, 0.639f}));
  EXPECT_THAT((Floats{nesterov.step(1), nesterov.step(1)}),
              Pointwise(FloatNear(1e-6f), Floats{0.81f, 0.539f}));
}

TEST_F(CpuBackend, DescendsByAdamAsByHand) {
  Parameter adam{*backend, rule(OptimizerKind::Adam)};

  EXPECT_NEAR(adam.step(1), 0.9, 1e-6);
  EXPECT_NEAR(adam.step(-1), 0.9 + 0.1 * (0.01 / 0.19), 1e-6);
}

TEST_F(CpuBackend, CouplesWeightDecayInAdamAndNotInAdamW) {
  Parameter adam{*backend, rule(OptimizerKind::Adam)}, adamw{*backend, rule(OptimizerKind::AdamW)};
  adam.update.weight_decay = adamw.update.weight_decay = 0.1f;

  EXPECT_NEAR(adam.step(0), 0.9, 1e-6);    // the decay is its whole gradient, and Adam steps by its sign
  EXPECT_NEAR(adamw.step(0), 0.99, 1e-6);  // 1 - 0.1 * 0.1
  EXPECT_NEAR(adamw.step(1), 0.99 - 0.0099 - 0.1 * (0.1 / 0.19) / std::sqrt(0.001 / 0.001999), 1e-5);
}

TEST_F(CpuBackend, PullsTowardsZeroByTheL1PenaltyAndDecaysWithSgd) {
  Update update = rule(OptimizerKind::Sgd);
  update.l1 = 0.5f;
  update.weight_decay = 0.25f;
  Floats w{2, -2, 0}, g(3), m(3);
  update.parameters = w.data();
  update.gradients = g.data();
  update.first_moment = m.data();
  update.count = 3;

  backend->update(update);

  expect(w, {1.9f, -1.9f, 0});
}

TEST_F(CpuBackend, SparesParametersBehindThePenalisedOnes) {
  for (const OptimizerKind kind : {OptimizerKind::Sgd, OptimizerKind::Adam, OptimizerKind::AdamW}) {
    Update update = rule(kind);
    update.weight_decay = update.l1 = 0.1f;
    update.penalised = 20;
    Floats w(40, 1.0f), g(40), m(40), v(40);
    update.parameters = w.data();
    update.gradients = g.data();
    update.first_moment = m.data();
    update.second_moment = v.data();
    update.count = 40;

    backend->update(update);

    EXPECT_THAT(std::span(w).first(20), testing::Each(testing::Lt(1.0f)));
    EXPECT_THAT(std::span(w).last(20), testing::Each(1.0f));
  }
}

TEST_F(CpuBackend, TreatsDenormalsAsZero) {
  volatile float tiny = std::numeric_limits<float>::min();
  EXPECT_EQ(tiny * 0.5f, 0.0f);
}

TEST_F(CpuBackend, MovesBuffersWithoutLosingTheirBlocks) {
  Buffer<float> first(*backend, std::span<const float>(Floats{1, 2}));
  Buffer<float> second = std::move(first);
  second = Buffer<float>(*backend, std::span<const float>(Floats{3}));
  EXPECT_THAT(second.download(), ElementsAre(3));
}

}  // namespace
}  // namespace regatta::device
