#include "regatta/search/user_prior.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "search/landscape.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using namespace study;

UserPrior prior_of(const space::Space& space, const std::vector<space::Definition>& beliefs) {
  Problems problems;
  UserPrior prior = UserPrior::parse(beliefs, space, problems);
  EXPECT_TRUE(problems.empty()) << InvalidInputs(problems).what();
  return prior;
}

UserPrior mixed_prior(const space::Space& space) {
  return prior_of(space, {{"rate", "normal(1e-2, 0.5)", {}},
                          {"layers", "normal(2, 1)", {}},
                          {"units", "normal(64, 0.3)", {}},
                          {"scale", "normal(0.5, 0.2)", {}},
                          {"optimizer", "weights(1, 2, 3)", {}},
                          {"momentum", "normal(0.9, 0.1)", {}}});
}

TEST(UserPrior, HasTheShapeOfItsBeliefs) {
  const space::Space space = space_of({{"rate", "loguniform(1e-4, 1)", {}}, {"act", "choice(a, b)", {}}});
  const UserPrior prior = prior_of(space, {{"rate", "normal(1e-2, 0.5)", {}}, {"act", "weights(1, 3)", {}}});

  const double top = prior.log_density(Config{1e-2, 0}, {});

  EXPECT_NEAR(prior.log_density(Config{1e-2 * std::exp(1.0), 0}, {}), top - 2, 1e-12);
  EXPECT_NEAR(prior.log_density(Config{1e-2, 1}, {}), top + std::log(3.0), 1e-12);
}

TEST(UserPrior, HasADensityOfMeanOne) {
  const space::Space space = mixed_space();
  const UserPrior prior =
      prior_of(space, {{"momentum", "normal(0.5, 0.2)", {}}, {"optimizer", "weights(1, 2, 3)", {}}});
  Random random(1);
  double sum = 0;
  constexpr int draws = 20'000;
  for (int i = 0; i < draws; ++i) {
    space::UnitPoint unit(space.size());
    for (double& coordinate : unit) coordinate = random.uniform();
    sum += std::exp(prior.log_density(space.decode(unit), {}));
  }

  EXPECT_NEAR(sum / draws, 1, 0.03);
}

TEST(UserPrior, HasTheSlopeOfItsDensity) {
  const space::Space space = mixed_space();
  const UserPrior prior = mixed_prior(space);
  const space::UnitPoint unit{0.4, 0.5, 0.5, 0.5, 0.8, 0.1, 0.3, 0.5, 0.5};
  std::vector<double> by_unit(unit.size());

  prior.log_density(space.decode(unit), by_unit);

  for (std::size_t i = 0; i < unit.size(); ++i) {
    constexpr double step = 1e-6;
    space::UnitPoint above = unit, below = unit;
    above[i] += step;
    below[i] -= step;
    const double slope =
        (prior.log_density(space.decode(above), {}) - prior.log_density(space.decode(below), {})) /
        (2 * step);
    EXPECT_NEAR(by_unit[i], slope, 1e-5 * (1 + std::abs(slope))) << space.parameters()[i].name;
  }
  EXPECT_NE(by_unit[0], 0);
  EXPECT_NE(by_unit[4], 0);
  EXPECT_NE(by_unit[6], 0);
}

TEST(UserPrior, GivesDrawsThatFollowItInsideTheSpace) {
  const space::Space space = mixed_space();
  const UserPrior prior = mixed_prior(space);
  Random random(1);
  std::vector<double> logs;
  int adam = 0;
  constexpr int draws = 1001;
  for (int i = 0; i < draws; ++i) {
    space::UnitPoint unit(space.size());
    for (double& coordinate : unit) coordinate = random.uniform();
    prior.transform(unit);
    const Config config = space.decode(unit);
    for (std::size_t k = 0; k < config.size(); ++k)
      EXPECT_TRUE(std::isnan(config[k]) || space.parameters()[k].contains(config[k]));
    logs.push_back(std::log(config[0] / 1e-2));
    adam += config[5] == 1;
  }

  std::ranges::sort(logs);
  EXPECT_NEAR(logs[draws / 2], 0, 0.06);
  EXPECT_NEAR(logs[draws * 841 / 1000], 0.5, 0.1);
  EXPECT_NEAR(adam, draws / 3.0, 60);
}

TEST(UserPrior, CentredOutsideTheSpaceDrawsAtItsEdge) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}, {"n", "logint(1, 8)", {}}});
  const UserPrior prior = prior_of(space, {{"x", "normal(100, 1)", {}}, {"n", "normal(1e-6, 0.1)", {}}});
  space::UnitPoint unit{0.5, 0.5};

  prior.transform(unit);

  EXPECT_NEAR(space.decode(unit)[0], 1, 1e-9);
  EXPECT_EQ(space.decode(unit)[1], 1);
  EXPECT_TRUE(std::isfinite(prior.log_density(Config{0.2, 3}, {})));
}

TEST(UserPrior, MultipliesAnAcquisitionAndItsGradient) {
  for (const space::Space& space :
       {space_of({{"rate", "loguniform(1e-4, 1)", {}}, {"x", "uniform(0, 2)", {}}}), mixed_space()}) {
    const UserPrior prior = prior_of(space, {{"rate", "normal(1e-2, 0.5)", {}}});
    BayesianOptions options;
    options.kernel = "matern52";
    options.transform = "standard";
    History history;
    const auto sobol = make_searcher({}, space);
    for (int i = 0; i < 8; ++i) {
      extend(*sobol, history, 1);
      finish(history, TrialState::Completed, std::pow(std::log(history.trials().back().config[0]) + 5, 2));
    }
    Surrogate surrogate(space, options);
    surrogate.update(history);
    const auto rule = [](double mean, double variance, double best, double) {
      return log_expected_improvement(mean, variance, best);
    };
    Random random(1);
    const auto look = [&](std::span<const double> units, std::span<double> values,
                          std::span<double> gradients, double weight) {
      Landscape landscape(space, options, surrogate, surrogate.draw(0.5), {},
                          {.rule = rule, .prior = &prior, .prior_weight = weight}, random);
      landscape(units, values, gradients);
    };
    space::UnitPoint unit(space.size(), 0.4);
    std::vector<double> plain(1), value(1), above(1), below(1), gradient(space.size());

    look(unit, plain, {}, 0);
    look(unit, value, gradient, 0.7);

    EXPECT_NEAR(value[0], plain[0] - 0.7 * prior.log_density(space.decode(unit), {}), 1e-9);
    unit[0] += 1e-5;
    look(unit, above, {}, 0.7);
    unit[0] -= 2e-5;
    look(unit, below, {}, 0.7);
    const double slope = (above[0] - below[0]) / 2e-5;
    EXPECT_NEAR(gradient[0], slope, 1e-4 * (1 + std::abs(slope)));
  }
}

/// A rippled_bowl with ripples, its minimum 0 at (0.62, 0.002).
double rippled_bowl(const Config& config) {
  const double x = config[0] - 0.62, y = std::log10(config[1] / 0.002);
  return x * x + 0.1 * y * y + 0.03 * (1 - std::cos(9 * x)) + 0.01 * (1 - std::cos(5 * y));
}

constexpr double resolution = 1e-8;  // who comes nearer to the minimum than that gains nothing

/// Mean over seeds of log10 of the least value, after each trial.
std::vector<double> progress(const std::vector<space::Definition>& beliefs, std::size_t trials) {
  constexpr int seeds = 5;
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}, {"y", "loguniform(1e-5, 1)", {}}});
  std::vector<double> mean(trials);
  for (int seed = 1; seed <= seeds; ++seed) {
    SearcherOptions options{.algorithm = "bo", .seed = static_cast<std::uint64_t>(seed)};
    options.bayesian.kernel = "matern52";  // one model, for speed
    options.bayesian.transform = "standard";
    options.bayesian.prior = prior_of(space, beliefs);
    const auto searcher = make_searcher(options, space);
    History history;
    double least = 1e9;
    for (std::size_t i = 0; i < trials; ++i) {
      extend(*searcher, history, 1);
      const double value = rippled_bowl(history.trials().back().config);
      finish(history, TrialState::Completed, value);
      least = std::min(least, value);
      mean[i] += std::log10(std::max(least, resolution)) / seeds;
    }
  }
  return mean;
}

TEST(UserPrior, HelpsWhenRightAndIsForgottenWhenWrong) {
  const auto none = progress({}, 40);
  const auto right = progress({{"x", "normal(0.6, 0.1)", {}}, {"y", "normal(1e-3, 1)", {}}}, 25);
  const auto wrong = progress({{"x", "normal(0.05, 0.1)", {}}, {"y", "normal(0.5, 1)", {}}}, 40);

  EXPECT_LT(right[3], none[3] - 0.3);
  EXPECT_LT(right[7], none[7] - 0.3);
  EXPECT_LT(right[24], none[24] + 1);
  EXPECT_LT(wrong[39], none[39] + 1);
}

}  // namespace
}  // namespace regatta::search
