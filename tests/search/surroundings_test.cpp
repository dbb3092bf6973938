#include <numbers>

#include "feasibility.hpp"
#include "local_penalty.hpp"
#include "numeric.hpp"

// What an acquisition is multiplied by: the vote of failed trials and penalties around running ones.
namespace regatta::search {
namespace {

using namespace numeric;

constexpr std::size_t coordinates = 2;

TEST(Feasibility, IsCertainWhereNothingFailed) {
  Feasibility feasibility(coordinates, 0.3);
  EXPECT_TRUE(feasibility.trivial());
  feasibility.add(std::vector<double>{0, 0}, false);

  EXPECT_TRUE(feasibility.trivial());
  EXPECT_EQ(feasibility(std::vector<double>{0.1, 0}, {}), 0);
}

TEST(Feasibility, CountsTheVotesAtAPoint) {
  Feasibility feasibility(coordinates, 0.3);
  const std::vector<double> here{0.2, -0.1};

  feasibility.add(here, true);
  EXPECT_NEAR(feasibility(here, {}), std::log(0.5), 1e-12);
  feasibility.add(here, true);
  feasibility.add(here, true);
  EXPECT_NEAR(feasibility(here, {}), std::log(0.25), 1e-12);
  feasibility.add(here, false);
  feasibility.add(here, false);
  EXPECT_NEAR(feasibility(here, {}), std::log(0.5), 1e-12);
  EXPECT_FALSE(feasibility.trivial());
  feasibility.clear();
  EXPECT_TRUE(feasibility.trivial());
  EXPECT_EQ(feasibility(here, {}), 0);
}

TEST(Feasibility, WeighsAVoteByItsDistance) {
  Feasibility feasibility(coordinates, 0.3);
  feasibility.add(std::vector<double>{0, 0}, true);

  EXPECT_NEAR(feasibility(std::vector<double>{0.3, 0}, {}), -std::log(1 + std::exp(-0.5)), 1e-12);
  EXPECT_NEAR(feasibility(std::vector<double>{0, 0.9}, {}), -std::log(1 + std::exp(-4.5)), 1e-12);
  EXPECT_NEAR(feasibility(std::vector<double>{10, 0}, {}), 0, 1e-12);
}

TEST(Feasibility, AddsItsDerivatives) {
  Feasibility feasibility(coordinates, 0.3);
  for (std::uint64_t seed = 0; seed < 12; ++seed)
    feasibility.add(centred_numbers(coordinates, seed), seed % 3 == 0);
  for (std::uint64_t seed = 20; seed < 25; ++seed) {
    const std::vector<double> at = centred_numbers(coordinates, seed);
    std::vector<double> gradient{10, 20};

    feasibility(at, gradient);

    const auto value = [&](const std::vector<double>& x) { return feasibility(x, {}); };
    for (std::size_t k = 0; k < coordinates; ++k)
      EXPECT_NEAR(gradient[k], 10.0 * static_cast<double>(k + 1) + derivative(value, at, k), 1e-8);
  }
}

class LocalPenalties : public testing::TestWithParam<std::string> {
 protected:
  /// A belief about sin(4 x) + y / 2.
  static GaussianProcess belief(double lengthscale = 0.4) {
    GaussianProcess process(KernelKind::Rbf, {{0, 1}, 2},
                            {{std::log(lengthscale), std::log(2 * lengthscale)}, 0, -9});
    const std::vector<double> points = centred_numbers(12 * coordinates, 1);
    std::vector<double> values;
    for (std::size_t i = 0; i < 12; ++i)
      values.push_back(std::sin(4 * points[coordinates * i]) + 0.5 * points[coordinates * i + 1]);
    process.set_points(rows_of(points, coordinates));
    process.set_values(values);
    return process;
  }
  LocalPenalty penalty(const GaussianProcess& process, const std::vector<double>& pending,
                       double incumbent = -0.9) const {
    Random random(3);
    return {GetParam() == "Soft" ? LocalPenalty::Form::Soft : LocalPenalty::Form::Hard, process,
            rows_of(pending, coordinates), incumbent, random};
  }
};

TEST_P(LocalPenalties, AreHighAtARunningTrialAndNothingFarAway) {
  const LocalPenalty subject = penalty(belief(), {0.3, 0.2});

  double last = subject(std::vector<double>{0.3, 0.2}, {});

  EXPECT_LT(last, -2);
  for (double away = 0.05; away < 100; away *= 1.5) {
    const double value = subject(std::vector<double>{0.3 + away, 0.2}, {});
    EXPECT_GE(value, last);
    EXPECT_LE(value, 0);
    last = value;
  }
  EXPECT_NEAR(last, 0, 1e-6);
}

TEST_P(LocalPenalties, AddUpOverRunningTrials) {
  const GaussianProcess process = belief();
  const std::vector<double> at{0.1, 0.1};

  const double both = penalty(process, {0.3, 0.2, 0.3, 0.2})(at, {}),
               one = penalty(process, {0.3, 0.2})(at, {});

  EXPECT_LT(both, one);
  EXPECT_LT(one, 0);
}

TEST_P(LocalPenalties, HaveTheirDerivatives) {
  const LocalPenalty subject = penalty(belief(), {0.3, 0.2, -0.25, 0, 0.05, -0.4});
  const auto value = [&](const std::vector<double>& x) { return subject(x, {}); };
  for (std::uint64_t seed = 10; seed < 30; ++seed) {
    const std::vector<double> at = centred_numbers(coordinates, seed);
    std::vector<double> gradient{10, 20};

    const double with = subject(at, gradient);

    EXPECT_EQ(with, value(at));
    for (std::size_t k = 0; k < coordinates; ++k) {
      const double wanted = derivative(value, at, k, 1e-5);
      EXPECT_NEAR(gradient[k] - 10.0 * static_cast<double>(k + 1), wanted, 1e-4 * (1 + std::abs(wanted)));
    }
  }
}

TEST_P(LocalPenalties, StayFiniteOfABeliefThatIsFlat) {
  GaussianProcess process(KernelKind::Rbf, {{0, 1}, 2}, {{0, 0}, 0, -9});
  process.set_points(rows_of(centred_numbers(5 * coordinates, 1), coordinates));
  process.set_values(std::vector<double>(5, 0.0));

  const LocalPenalty subject = penalty(process, {0.3, 0.2}, 0);

  for (const auto& at : {std::vector<double>{0.3, 0.2}, std::vector<double>{0.3, 0.2 + 1e-9},
                         std::vector<double>{-0.5, 0.5}}) {
    std::vector<double> gradient(coordinates, 0.0);
    EXPECT_TRUE(std::isfinite(subject(at, gradient)));
    for (const double entry : gradient) EXPECT_TRUE(std::isfinite(entry));
  }
  EXPECT_NEAR(subject(std::vector<double>{-0.5, -0.5}, {}), 0, 0.1);
}

TEST_P(LocalPenalties, LeadAwayFromARunningTrialWhoseValueIsKnown) {
  GaussianProcess process(KernelKind::Rbf, {{0, 1}, 2}, {{std::log(0.4), std::log(0.4)}, 0, -23});
  const std::vector<double> points = centred_numbers(12 * coordinates, 1);
  std::vector<double> values;
  for (std::size_t i = 0; i < 12; ++i) values.push_back(std::sin(4 * points[coordinates * i]));
  process.set_points(rows_of(points, coordinates));
  process.set_values(values);

  const LocalPenalty subject = penalty(process, {points[0], points[1]}, values[0] - 1);

  for (const double away : {1e-6, 1e-3, 0.1}) {
    std::vector<double> gradient(coordinates, 0.0);
    EXPECT_LT(subject(std::vector<double>{points[0] + away, points[1]}, gradient), 0);
    EXPECT_TRUE(std::isfinite(gradient[0]));
    EXPECT_GT(gradient[0], 0) << away;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LocalPenalties, testing::Values("Soft", "Hard"),
                         [](const auto& instance) { return instance.param; });

TEST(LocalPenalty, HasTheSlopeOfItsValueDeepInsideABall) {
  GaussianProcess process(KernelKind::Rbf, {{0, 1}, 2}, {{std::log(0.4), std::log(0.4)}, 0, -23});
  const std::vector<double> points{0, 0, 0.4, 0.1}, values{1, -1};
  process.set_points(rows_of(points, coordinates));
  process.set_values(values);
  Random random(3);

  const LocalPenalty subject(LocalPenalty::Form::Soft, process, {points.data(), 1, coordinates, coordinates},
                             -1,
                             random);  // a spread of 1e-5

  const std::vector<double> at{-0.05, 0.02};
  std::vector<double> gradient(coordinates, 0.0);
  subject(at, gradient);
  for (std::size_t k = 0; k < coordinates; ++k) {
    const double wanted = derivative([&](const auto& x) { return subject(x, {}); }, at, k, 1e-3);
    EXPECT_NEAR(gradient[k] / wanted, 1, 1e-4);
  }
}

}  // namespace
}  // namespace regatta::search
