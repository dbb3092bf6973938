#include "regatta/search/acquisition.hpp"

#include <limits>
#include <map>
#include <numbers>

#include "numeric.hpp"

namespace regatta::search {
namespace {

using namespace numeric;

/// h(v) = phi(v) + v Phi(v), with the digits that a long double has.
long double h(long double v) {
  const long double root = std::sqrt(2.0L);
  return std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi_v<long double>) + v * std::erfc(-v / root) / 2;
}

/// ln h(v) for large -v: h = phi (1 - 3 / v^2 + 15 / v^4 - ...) / v^2.
long double far_log_h(long double v) {
  const long double t = 1 / (v * v);
  return -v * v / 2 - std::log(2 * std::numbers::pi_v<long double>) / 2 + std::log(t) +
         std::log1p(-3 * t + 15 * t * t);
}

double log_ei(double v) { return log_expected_improvement(-v, 1, 0).value; }

TEST(ScaledErfc, HasTheKnownValues) {
  EXPECT_DOUBLE_EQ(scaled_erfc(0), 1);
  EXPECT_NEAR(scaled_erfc(-5) / 144009798674.66104, 1, 1e-13);
  for (const auto& [x, value] : std::vector<std::pair<double, double>>{{0.5, 0.61569034419292587},
                                                                       {1, 0.42758357615580700},
                                                                       {10, 0.05614099274382259},
                                                                       {24.999, 0.02255047301404208},
                                                                       {25, 0.02254957243264136},
                                                                       {26, 0.02168358485056291},
                                                                       {100, 0.005641613782989433},
                                                                       {1e5, 5.6418958351954681e-6}})
    EXPECT_NEAR(scaled_erfc(x) / value, 1, 2e-13) << x;
  EXPECT_NEAR(scaled_erfc(1e150) * 1e150, std::numbers::inv_sqrtpi, 1e-15);
}

TEST(LogNormalProbability, HasTheKnownValues) {
  EXPECT_NEAR(log_normal_probability(0), -std::numbers::ln2, 1e-15);
  for (const auto& [v, value] : std::vector<std::pair<double, double>>{{5, -2.8665161296376359e-7},
                                                                       {1, -0.17275377902344989},
                                                                       {-1, -1.8410216450092635},
                                                                       {-10, -53.231285150512471},
                                                                       {-20, -203.91715537109726},
                                                                       {-30, -454.32124395634320},
                                                                       {-40, -804.60844201375379},
                                                                       {-1000, -500007.82669481218}})
    EXPECT_NEAR(log_normal_probability(v) / value, 1, 1e-13) << v;
  EXPECT_EQ(log_normal_probability(50), 0);
  EXPECT_TRUE(std::isfinite(log_normal_probability(-1e150)));
}

TEST(ExpectedImprovement, OfABeliefAboutTheIncumbentIsADensityTimesTheDeviation) {
  for (const double sigma : {1e-6, 0.3, 1.0, 20.0})
    EXPECT_NEAR(expected_improvement(5, sigma * sigma, 5).value, 0.39894228040143268 * sigma, 1e-12 * sigma);
}

TEST(ExpectedImprovement, IsTheGainWhereTheBeliefIsSharp) {
  EXPECT_NEAR(expected_improvement(1, 1e-20, 3).value, 2, 1e-9);
  EXPECT_EQ(expected_improvement(3, 1e-20, 1).value, 0);
}

TEST(LogExpectedImprovement, IsTheLogarithmOfTheExpectedImprovement) {
  for (double v = -30; v <= 30; v += 0.125)
    for (const double sigma : {0.2, 1.0, 7.0}) {
      const double ei = expected_improvement(2 - v * sigma, sigma * sigma, 2).value;

      EXPECT_NEAR(log_expected_improvement(2 - v * sigma, sigma * sigma, 2).value, std::log(ei),
                  1e-10 * (1 + v * v))
          << v;
    }
}

TEST(LogExpectedImprovement, KeepsItsDigitsFarBelowTheIncumbent) {
  EXPECT_NEAR(log_ei(-10), -55.553122036122356, 1e-11);
  EXPECT_NEAR(log_ei(-30), -457.72465376059800, 1e-9);
  EXPECT_NEAR(log_ei(-100), -5010.1295788002498, 1e-8);
  EXPECT_NEAR(log_ei(-1000), -500014.73445209116, 1e-8);
  for (const double v : {-0.99, -1.0, -1.01, -3.0, -10.0, -30.0, -80.0})
    EXPECT_NEAR(log_ei(v), static_cast<double>(std::log(h(v))), 1e-10 * (1 + v * v)) << v;
  for (const double v : {-1e3, -9.99e5, -1e6, -1.01e6, -1e8, -1e100}) {
    const double wanted = static_cast<double>(far_log_h(v));
    EXPECT_NEAR(log_ei(v) / wanted, 1, 1e-15) << v;
  }
}

TEST(LogExpectedImprovement, IsFiniteAndFallsWithTheMean) {
  double last = std::numeric_limits<double>::infinity();
  for (double magnitude = 1e150; magnitude > 1e-3; magnitude *= 0.97) {
    EXPECT_TRUE(std::isfinite(log_ei(magnitude)));
    EXPECT_LE(log_ei(magnitude), last) << magnitude;
    last = log_ei(magnitude);
  }
  for (double magnitude = 1e-3; magnitude < 1e150; magnitude *= 1.03) {
    EXPECT_TRUE(std::isfinite(log_ei(-magnitude)));
    EXPECT_LT(log_ei(-magnitude), last) << -magnitude;
    last = log_ei(-magnitude);
  }
}

using RuleFunction = Acquired (*)(double mean, double variance, double best);
const std::map<std::string, RuleFunction> rules{
    {"LogEi", log_expected_improvement}, {"Ei", expected_improvement}, {"Ucb", upper_confidence_bound}};

class Acquisitions : public testing::TestWithParam<std::string> {
 protected:
  RuleFunction rule = rules.at(GetParam());
};

TEST_P(Acquisitions, HaveTheDerivativesOfTheirValues) {
  for (const double v : {-200.0, -36.0, -35.0, -12.0, -1.001, -0.999, -0.3, 0.0, 0.5, 3.0, 9.0})
    for (const double variance : {0.04, 1.0, 30.0}) {
      const double mean = 1 - v * std::sqrt(variance);
      const Acquired acquired = rule(mean, variance, 1);

      const auto value = [&](const std::vector<double>& x) { return rule(x[0], x[1], 1).value; };
      const double by_mean = derivative(value, {mean, variance}, 0, 1e-4 * std::sqrt(variance));
      const double by_variance = derivative(value, {mean, variance}, 1, 1e-4 * variance);
      EXPECT_NEAR(acquired.by_mean, by_mean, 1e-6 * (1e-3 + std::abs(by_mean))) << v << " " << variance;
      EXPECT_NEAR(acquired.by_variance, by_variance, 1e-6 * (1e-3 + std::abs(by_variance)))
          << v << " " << variance;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Acquisitions, testing::Values("LogEi", "Ei", "Ucb"),
                         [](const auto& instance) { return instance.param; });

TEST(LogExpectedImprovement, HasTheAsymptoticDerivativesFarBelowTheIncumbent) {
  // Phi / h = -v (1 + 2 / v^2 + ...) and phi / h = v^2 + 3 + ..., with errors of order v^-4 and v^-2.
  for (const double v : {-1e3, -1e5, -9.9e5, -1.1e6, -1e8, -1e10, -1e100})
    for (const double sigma : {1e-10, 1.0}) {
      const Acquired acquired = log_expected_improvement(-v * sigma, sigma * sigma, 0);

      EXPECT_NEAR(acquired.by_mean * sigma / (v - 2 / -v), 1, 1e-8) << v;
      EXPECT_NEAR(acquired.by_variance * 2 * sigma * sigma / (v * v + 3), 1, 1e-8) << v;
    }
}

TEST(UpperConfidenceBound, AddsDeviationsToTheSignedMean) {
  const Acquired acquired = upper_confidence_bound(3, 4, 9);

  EXPECT_DOUBLE_EQ(acquired.value, -3 + 3 * 2);
  EXPECT_DOUBLE_EQ(acquired.by_mean, -1);
  EXPECT_DOUBLE_EQ(acquired.by_variance, 0.75);
}

}  // namespace
}  // namespace regatta::search
