#include <algorithm>
#include <cmath>
#include <limits>

#include "device/dropout_hash.hpp"
#include "device/formulas.hpp"

namespace regatta::device::formulas {
namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

/// Greatest relative deviation of `formula` from `truth` over [low, high].
template <class Formula, class Truth>
double deviation(double low, double high, Formula formula, Truth truth) {
  double worst = 0;
  for (int i = 0; i <= 100000; ++i) {
    const auto x = static_cast<float>(low + (high - low) * i / 100000);
    const double right = truth(static_cast<double>(x));
    if (right != 0) worst = std::max(worst, std::fabs(static_cast<double>(formula(x)) / right - 1));
  }
  return worst;
}

TEST(Formulas, AreAsExactAsSinglePrecisionAllows) {
  EXPECT_LT(deviation(-87, 88, exponential, [](double x) { return std::exp(x); }), 2e-7);
  EXPECT_LT(deviation(1.1, 1e6, logarithm, [](double x) { return std::log(x); }), 3e-7);
  EXPECT_LT(deviation(1e-30, 0.9, logarithm, [](double x) { return std::log(x); }), 3e-7);
  EXPECT_LT(deviation(-10, 10, hyperbolic_tangent, [](double x) { return std::tanh(x); }), 3e-7);
  EXPECT_LT(deviation(-80, 80, sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }), 3e-7);
  EXPECT_LT(deviation(-10, 80, softplus, [](double x) { return std::log1p(std::exp(x)); }), 2e-3);
  EXPECT_LT(deviation(-2, 80, softplus, [](double x) { return std::log1p(std::exp(x)); }), 1e-6);
}

TEST(Formulas, KeepWhatIsNotANumber) {
  EXPECT_TRUE(std::isnan(exponential(not_a_number)));
  EXPECT_TRUE(std::isnan(logarithm(not_a_number)));
  EXPECT_TRUE(std::isnan(hyperbolic_tangent(not_a_number)));
  EXPECT_TRUE(std::isnan(softplus(not_a_number)));
  EXPECT_TRUE(std::isnan(activate<Activation::Gelu>(not_a_number)));
  EXPECT_TRUE(std::isnan(activate<Activation::Relu>(not_a_number)));
  const float row[] = {1, not_a_number, 2}, far[] = {1, infinite, 2};
  EXPECT_FALSE(std::isfinite(log_sum_exp(row, 3)));
  EXPECT_FALSE(std::isfinite(log_sum_exp(far, 3)));
}

TEST(Formulas, ClipExponentialsInsteadOfOverflowing) {
  EXPECT_NEAR(exponential(1000) / 1.6516363e38f, 1, 1e-5f);
  EXPECT_GT(exponential(-1000), 0);
  EXPECT_EQ(sigmoid(1000), 1);
  EXPECT_EQ(hyperbolic_tangent(-1000), -1);
}

template <Activation kind>
void expect_slope() {
  for (const double z : {-3.0, -1.0, -0.3, 0.2, 0.9, 2.5}) {
    const auto at = [](double x) { return static_cast<double>(activate<kind>(static_cast<float>(x))); };
    const double difference = (at(z + 1e-2) - at(z - 1e-2)) / 2e-2;
    EXPECT_NEAR(slope<kind>(static_cast<float>(z), activate<kind>(static_cast<float>(z))), difference, 2e-4)
        << z;
  }
}

TEST(Formulas, SlopesAreDerivativesOfActivations) {
  expect_slope<Activation::Identity>();
  expect_slope<Activation::Relu>();
  expect_slope<Activation::Tanh>();
  expect_slope<Activation::Gelu>();
  expect_slope<Activation::Sigmoid>();
}

TEST(Formulas, KnowValuesOfActivations) {
  EXPECT_EQ(activate<Activation::Relu>(-2), 0);
  EXPECT_EQ(activate<Activation::Relu>(2), 2);
  EXPECT_NEAR(activate<Activation::Tanh>(1), 0.76159416, 1e-7);
  EXPECT_NEAR(activate<Activation::Sigmoid>(1), 0.73105858, 1e-7);
  EXPECT_NEAR(activate<Activation::Gelu>(1), 0.84119199, 1e-6);
  EXPECT_NEAR(activate<Activation::Gelu>(-1), -0.15880801, 1e-6);
}

TEST(Formulas, KnowLossesOfOneOutput) {
  EXPECT_EQ(loss_of<LossKind::Squared>(3, 1), 4);
  EXPECT_EQ(loss_slope<LossKind::Squared>(3, 1), 4);
  EXPECT_EQ(loss_of<LossKind::Absolute>(1, 3), 2);
  EXPECT_EQ(loss_slope<LossKind::Absolute>(1, 3), -1);
  EXPECT_EQ(loss_of<LossKind::AbsolutePercentage>(3, -4), 1.75f);
  EXPECT_EQ(loss_slope<LossKind::AbsolutePercentage>(3, -4), 0.25f);
  EXPECT_NEAR(binary_loss(0, 1), std::log(2.0), 1e-7);
  EXPECT_NEAR(binary_slope(0, 1), -0.5, 1e-7);
  EXPECT_NEAR(binary_loss(100, 0), 100, 1e-5);
  EXPECT_NEAR(binary_loss(-100, 1), 100, 1e-5);
}

TEST(Formulas, TakeThePercentageOfANearlyZeroTargetFromItsFloor) {
  EXPECT_NEAR(loss_of<LossKind::AbsolutePercentage>(1, 0) / 1e8f, 1, 1e-6);
}

TEST(Dropout, DropsTheGivenShareAndScalesTheOthers) {
  constexpr float rate = 0.3f;
  const std::uint32_t threshold = dropout_threshold(rate);
  int dropped = 0;
  for (std::uint64_t sample = 0; sample < 200; ++sample)
    for (std::uint32_t unit = 0; unit < 500; ++unit)
      dropped += dropout_factor(dropout_row(7, sample), unit, threshold, 2.0f) == 0.0f;

  EXPECT_NEAR(dropped / 100000.0, rate, 5 * std::sqrt(0.21 / 100000));
}

TEST(Dropout, DropsNeighboursIndependently) {
  const std::uint32_t threshold = dropout_threshold(0.5f);
  const auto drops = [&](std::uint64_t key, std::uint64_t sample, std::uint32_t unit) {
    return dropout_hash(dropout_row(key, sample), unit) < threshold;
  };
  int units = 0, samples = 0, keys = 0;
  for (std::uint64_t sample = 0; sample < 100; ++sample)
    for (std::uint32_t unit = 0; unit < 100; ++unit) {
      units += drops(1, sample, unit) == drops(1, sample, unit + 1);
      samples += drops(1, sample, unit) == drops(1, sample + 1, unit);
      keys += drops(1, sample, unit) == drops(2, sample, unit);
    }
  for (const int same : {units, samples, keys}) EXPECT_NEAR(same, 5000, 5 * 50);
}

}  // namespace
}  // namespace regatta::device::formulas
