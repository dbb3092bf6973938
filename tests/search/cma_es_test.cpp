#include "search/cma_es.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include "regatta/search/searcher.hpp"
#include "search/model_fit.hpp"
#include "search/surrogate.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using Function = double (*)(std::span<const double>);

double sphere(std::span<const double> x) {
  double sum = 0;
  for (const double entry : x) sum += (entry - 0.3) * (entry - 0.3);
  return sum;
}

/// Condition 1e6 along the axes, minimum 0 at 0.3.
double ellipsoid(std::span<const double> x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum += std::pow(1e6, static_cast<double>(i) / static_cast<double>(x.size() - 1)) * (x[i] - 0.3) *
           (x[i] - 0.3);
  return sum;
}

/// Condition 30 along the diagonals, minimum 0 at 0.3.
double rotated(std::span<const double> x) {
  const double a = x[0] + x[1] - 0.6, b = x[0] - x[1];
  return 30 * a * a + b * b;
}

/// Has no value in half of the box, that of the start included.
double half_infinite(std::span<const double> x) {
  if (x[0] > 0.7) return std::numeric_limits<double>::infinity();
  if (x[1] > 0.9) return std::numeric_limits<double>::quiet_NaN();
  return sphere(x);
}

double infinite(std::span<const double>) { return std::numeric_limits<double>::infinity(); }

struct Run {
  std::size_t dimensions = 2;
  double low = -2, high = 2, start = 1;
  int generations = 200;
  std::uint64_t seed = 5;
};

Minimum minimum_of(Function function, const Run& run) {
  const std::size_t d = run.dimensions;
  const auto batch = [&](std::span<const double> points, std::span<double> values,
                         std::span<double> gradients) {
    EXPECT_TRUE(gradients.empty());
    for (const double x : points) EXPECT_TRUE(x >= run.low && x <= run.high);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = function(points.subspan(i * d, d));
  };
  const std::vector<double> start(d, run.start), low(d, run.low), high(d, run.high);
  Random random(run.seed);
  return minimise_by_evolution(batch, start, low, high, {.generations = run.generations}, random);
}

TEST(CmaEs, FindsTheCentreOfASphere) {
  for (const std::size_t d : {1u, 2u, 5u, 20u}) {
    const Minimum minimum = minimum_of(sphere, {.dimensions = d, .generations = 600});

    EXPECT_LT(minimum.value, 1e-9) << d << " dimensions";
  }
}

TEST(CmaEs, LearnsTheScaleOfEachAxis) {
  EXPECT_LT(minimum_of(ellipsoid, {.dimensions = 6, .generations = 800}).value, 1e-6);
}

TEST(CmaEs, DescendsAValleyAcrossTheAxes) {
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    EXPECT_LT(minimum_of(rotated, {.generations = 1000, .seed = seed}).value, 1e-6) << "seed " << seed;
}

TEST(CmaEs, ComesToBoundsThatHoldTheMinimumBack) {
  const Minimum minimum = minimum_of(sphere, {.dimensions = 3, .low = 0.5, .high = 2});

  for (const double x : minimum.point) EXPECT_NEAR(x, 0.5, 1e-4);
}

TEST(CmaEs, LeavesARegionWithoutValues) {
  const Minimum minimum = minimum_of(half_infinite, {.start = 1});

  EXPECT_LT(minimum.value, 1e-9);
}

TEST(CmaEs, AnswersWithTheStartWhereNothingHasAValue) {
  const Minimum minimum = minimum_of(infinite, {});

  EXPECT_EQ(minimum.point, (std::vector<double>{1, 1}));
  EXPECT_TRUE(std::isinf(minimum.value));
}

TEST(CmaEs, IsNeverWorseThanItsStart) {
  EXPECT_EQ(minimum_of(sphere, {.start = 0.3}).value, 0);
  EXPECT_EQ(minimum_of(sphere, {.start = 1, .generations = 0}).value, sphere(std::vector<double>{1, 1}));
}

TEST(CmaEs, RepeatsItselfWithTheSameSeed) {
  const Minimum first = minimum_of(rotated, {.generations = 30});

  EXPECT_EQ(first.point, minimum_of(rotated, {.generations = 30}).point);
  EXPECT_NE(first.point, minimum_of(rotated, {.generations = 30, .seed = 6}).point);
}

TEST(CmaEs, KeepsAnAxisWithoutExtent) {
  const BatchFunction batch = [](std::span<const double> points, std::span<double> values,
                                 std::span<double>) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = sphere(points.subspan(2 * i, 2));
  };
  const std::vector<double> start{1, 0.5}, low{-2, 0.5}, high{2, 0.5};
  Random random(1);

  const Minimum minimum = minimise_by_evolution(batch, start, low, high, {.generations = 200}, random);

  EXPECT_NEAR(minimum.point[0], 0.3, 1e-4);
  EXPECT_EQ(minimum.point[1], 0.5);
}

/// A sine at ten points of a line.
class FitOfHyperparameters : public testing::Test {
 protected:
  FitOfHyperparameters() {
    for (int i = 0; i < 10; ++i) {
      points_.push_back(0.1 * i);
      values_.push_back(std::sin(0.6 * i));
    }
  }

  Observations observations() const { return {{points_.data(), points_.size(), 1, 1}, values_, noise_}; }
  FitSetting setting(FitMethod method) const {
    return {.groups = &groups_, .learn_noise = false, .method = method};
  }

  FeatureGroups groups_{{0}, 1};
  std::vector<double> points_, values_, noise_;
};

TEST_F(FitOfHyperparameters, ComesToTheSameModeByEvolutionAsByGradients) {
  const auto by_gradients = fit_hyperparameters(setting(FitMethod::Gradients), observations()).flat();
  const auto by_evolution = fit_hyperparameters(setting(FitMethod::Evolution), observations()).flat();

  for (std::size_t i = 0; i < by_gradients.size(); ++i) EXPECT_NEAR(by_evolution[i], by_gradients[i], 0.05);
}

TEST_F(FitOfHyperparameters, FindsADensityThatVanishesAtTheStart) {
  noise_.assign(points_.size(), -2);  // no belief unless the variance exceeds 2, twice that of the start

  const Hyperparameters found = fit_hyperparameters(setting(FitMethod::Gradients), observations());

  const auto density = MarginalLikelihood(KernelKind::Matern52, groups_, observations())(found.flat(), {});
  EXPECT_TRUE(density.has_value());
}

TEST_F(FitOfHyperparameters, DrawsSamplesAroundTheMode) {
  const FitSetting setting = this->setting(FitMethod::Gradients);
  const Hyperparameters mode = fit_hyperparameters(setting, observations());
  Random random(1), again(1);

  const auto samples = sample_hyperparameters(setting, observations(), mode, 200, random);

  double mean = 0, square = 0;
  for (const Hyperparameters& sample : samples) {
    const double away = sample.log_lengthscales[0] - mode.log_lengthscales[0];
    mean += away / 200;
    square += away * away / 200;
    EXPECT_NEAR(sample.log_noise, mode.log_noise, 1e-6);
  }
  EXPECT_NEAR(mean, 0, 0.2);
  EXPECT_GT(square, 0.04 * 0.04);
  EXPECT_LT(square, 1.2 * 1.2);
  EXPECT_EQ(samples[0].flat(), sample_hyperparameters(setting, observations(), mode, 1, again)[0].flat());
}

// How the hyperparameters of the surrogate are found, seen from outside.

constexpr double least_branin = 0.397887;

double branin(double x, double y) {
  constexpr double pi = std::numbers::pi;
  const double a = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

class FitOfTheSurrogate : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Searcher> searcher(std::uint64_t seed) const {
    SearcherOptions options{.algorithm = "bo", .seed = seed};
    options.bayesian.fit = GetParam();
    return make_searcher(options, space_);
  }

  History minimised(std::uint64_t seed, std::size_t evaluations) const {
    const auto subject = searcher(seed);
    History history;
    while (history.trials().size() < evaluations) {
      study::extend(*subject, history, 1);
      const auto unit = space_.encode(history.trials().back().config);
      study::finish(history, TrialState::Completed, branin(15 * unit[0] - 5, 15 * unit[1]));
    }
    return history;
  }

  space::Space space_ = study::space_of({{"x", "uniform(-5, 10)", {}}, {"y", "uniform(0, 15)", {}}});
};

TEST_P(FitOfTheSurrogate, MinimisesBranin) {
  for (const std::uint64_t seed : {1u, 2u}) {
    const History history = minimised(seed, 30);

    double least = std::numeric_limits<double>::infinity();
    for (const Trial& trial : history.trials()) least = std::min(least, trial.objective);
    EXPECT_LT(least - least_branin, 0.5) << "seed " << seed;
  }
}

TEST_P(FitOfTheSurrogate, ProposesTheSameOnAFreshAndOnAUsedObject) {
  const History history = minimised(3, 14);
  const auto used = searcher(3);
  History prefix;
  for (const Trial& trial : history.trials()) {
    static_cast<void>(used->propose(prefix, study::next_trial(prefix), {}));
    study::create(prefix, trial.config);
    study::finish(prefix, TrialState::Completed, trial.objective);
  }

  const auto expected = used->propose(history, study::next_trial(history), {});
  const auto proposed = searcher(3)->propose(history, study::next_trial(history), {});

  ASSERT_TRUE(expected && proposed);
  EXPECT_TRUE(same_config(*proposed, *expected));
}

TEST(FitOfAnEnsemble, GivesUpHopelessModelsTogetherWithTheirSamples) {
  const space::Space space = study::space_of({{"x", "uniform(0, 1)", {}}});
  const auto design = make_searcher({.algorithm = "sobol", .seed = 1}, space);
  BayesianOptions options;
  options.fit = "ensemble";
  Surrogate surrogate(space, options);
  History history;
  for (int i = 0; i < 200; ++i) {
    study::extend(*design, history, 1);
    const double x = space.encode(history.trials().back().config)[0];
    study::finish(history, TrialState::Completed, std::abs(x - 0.3));
  }

  surrogate.update(history);

  const auto& models = surrogate.models();
  EXPECT_LT(models.size(), 32u);
  EXPECT_EQ(models.size() % 4, 0u);
  double sum = 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    EXPECT_EQ(models[i].sample, i % 4);
    sum += models[i].weight;
  }
  EXPECT_GT(sum, 0.9);  // what was given up weighed little
}

INSTANTIATE_TEST_SUITE_P(All, FitOfTheSurrogate, testing::Values("map", "cma", "ensemble"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace regatta::search
