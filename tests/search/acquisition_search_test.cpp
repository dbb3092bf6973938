#include "acquisition_search.hpp"

#include <algorithm>
#include <limits>

#include "numeric.hpp"
#include "study.hpp"

// The landscape of an acquisition and the search for its minimum.
namespace regatta::search {
namespace {

using namespace numeric;
using namespace study;

constexpr double infinity = std::numeric_limits<double>::infinity();
const std::vector<std::string> ways_of_pending{"none", "believer", "fantasies", "local_penalization",
                                               "hard_penalization"};

Acquired log_ei(double mean, double variance, double target, double) {
  return log_expected_improvement(mean, variance, target);
}

std::vector<double> random_unit(std::size_t dimensions, std::uint64_t seed) {
  std::vector<double> unit = centred_numbers(dimensions, seed);
  for (double& entry : unit) entry += 0.5;
  return unit;
}

/// A smooth function of the unit point.
double objective(const space::Space& space, const Config& config) {
  const space::UnitPoint unit = space.encode(config);
  double sum = 0;
  for (std::size_t k = 0; k < unit.size(); ++k)
    sum += std::pow(unit[k] - 0.3 - 0.05 * static_cast<double>(k), 2);
  return sum;
}

/// One model. Known noise keeps variances well above rounding.
BayesianOptions options_with(const std::string& pending, double noise_deviation = 0) {
  BayesianOptions options;
  options.kernel = "matern52";
  options.transform = "standard";
  options.pending = pending;
  options.noise = noise_deviation > 0 ? "fixed" : "learnt";
  options.noise_deviation = noise_deviation;
  return options;
}

/// A belief after some results, all of which a landscape refers to.
class Scene {
 public:
  explicit Scene(space::Space of, std::size_t results = 14,
                 const BayesianOptions& with = options_with("none"))
      : space(std::move(of)), options(with), surrogate(space, with) {
    for (std::uint64_t seed = 0; history.trials().size() < results; ++seed) {
      const Config config = space.decode(random_unit(space.size(), 1000 + seed));
      if (!space.feasible(config) || history.contains(config)) continue;
      create(history, config);
      finish(history, TrialState::Completed, objective(space, config));
    }
  }

  void fail(const Config& config) {
    create(history, config);
    finish(history, TrialState::Failed);
  }
  Landscape landscape(Landscape::Setting setting = {log_ei}, const std::vector<Config>& pending = {}) {
    surrogate.update(history);
    return {space, options, surrogate, surrogate.draw(0), pending, std::move(setting), random};
  }
  /// The first model's, averaged with those of its companions.
  Landscape landscape_of_all(const std::vector<Config>& pending = {}) {
    surrogate.update(history);
    return landscape({.rule = log_ei, .companions = surrogate.companions(surrogate.draw(0))}, pending);
  }
  Landscape without_the_tried() {
    return landscape({log_ei, 0, [this](const Config& config) { return history.contains(config); }});
  }
  std::vector<Minimum> search(Landscape& landscape, const Region& region) {
    return minimise(landscape, {{region, {space.encode(history[*history.incumbent()].config)}}},
                    {.raw_samples = 256, .near_samples = 64}, random);
  }
  std::vector<Minimum> search(Landscape& landscape) {
    return search(landscape, Region::everything(space.size()));
  }

  space::Space space;
  BayesianOptions options;
  History history;
  Surrogate surrogate;
  Random random{5};
};

double value_at(Landscape& landscape, const std::vector<double>& unit) {
  double value = 0;
  landscape(unit, {&value, 1}, {});
  return value;
}

space::Space half_log_plane() {
  return space_of({{"x", "uniform(0, 1)", {}}, {"y", "loguniform(1, 100)", {}}});
}

class Landscapes : public testing::TestWithParam<std::string> {};

TEST_P(Landscapes, HaveTheirDerivatives) {
  for (const space::Space& space : {half_log_plane(), mixed_space()}) {
    Scene scene(space, 25, options_with(GetParam(), 0.05));
    scene.fail(space.decode(random_unit(space.size(), 77)));
    const std::vector<Config> pending{space.decode(random_unit(space.size(), 1)),
                                      space.decode(random_unit(space.size(), 2))};
    Landscape landscape = scene.landscape({log_ei}, pending);
    const Embedding& embedding = scene.surrogate.embedding();
    int tested = 0;
    for (std::uint64_t seed = 10; seed < 40; ++seed) {
      std::vector<double> unit = random_unit(space.size(), seed), gradient(space.size(), 99);
      double value = 0;

      landscape(unit, {&value, 1}, gradient);

      if (value == infinity) continue;
      EXPECT_EQ(value, value_at(landscape, unit));
      for (std::size_t k = 0; k < space.size(); ++k) {
        const bool smooth = std::ranges::count(embedding.continuous(), k) > 0;
        const double wanted =
            smooth ? derivative([&](const auto& x) { return value_at(landscape, x); }, unit, k, 1e-5) : 0;
        EXPECT_NEAR(gradient[k], wanted, 1e-4 * (1 + std::abs(wanted))) << k;
        ++tested;
      }
    }
    EXPECT_GT(tested, 50);
  }
}

TEST_P(Landscapes, AreTheSameForPointsTogetherAndAlone) {
  Scene scene(mixed_space(), 25, options_with(GetParam()));
  Landscape landscape = scene.landscape({log_ei}, {scene.space.decode(random_unit(scene.space.size(), 1))});
  const std::size_t p = scene.space.size();
  const std::vector<double> units = random_unit(9 * p, 3);
  std::vector<double> values(9);

  landscape(units, values, {});

  for (std::size_t i = 0; i < 9; ++i) {
    const double alone = value_at(landscape, {units.begin() + static_cast<std::ptrdiff_t>(i * p),
                                              units.begin() + static_cast<std::ptrdiff_t>((i + 1) * p)});
    if (values[i] == infinity) {
      EXPECT_EQ(alone, infinity);
    } else {
      EXPECT_NEAR(values[i], alone, 1e-7 * (1 + std::abs(alone)));
    }
  }
}

TEST_P(Landscapes, RiseWhereATrialIsRunning) {
  Scene scene(half_log_plane(), 14, options_with(GetParam()));
  const std::vector<double> best = [&] {
    Landscape free = scene.landscape();
    return scene.search(free).front().point;
  }();
  const double before = [&] {
    Landscape free = scene.landscape();
    return value_at(free, best);
  }();

  Landscape landscape = scene.landscape({log_ei}, {scene.space.decode(best)});

  if (GetParam() == "none") {
    EXPECT_EQ(value_at(landscape, best), before);
  } else {
    EXPECT_GT(value_at(landscape, best), before + 0.1);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Landscapes, testing::ValuesIn(ways_of_pending),
                         [](const auto& instance) { return instance.param; });

/// A scene with samples of hyperparameters, and the landscape of all of them.
BayesianOptions ensemble_with(const std::string& pending) {
  BayesianOptions options = options_with(pending, 0.05);
  options.fit = "ensemble";
  return options;
}

TEST(LandscapeOfAnEnsemble, IsTheMeanOfTheAcquisitionsByTheWeightsOfTheSamples) {
  Scene scene(half_log_plane(), 14, ensemble_with("none"));
  scene.surrogate.update(scene.history);
  std::vector<Surrogate::Model*> samples = scene.surrogate.companions(scene.surrogate.draw(0));
  samples.push_back(&scene.surrogate.draw(0));
  ASSERT_EQ(samples.size(), 4u);
  const std::vector<Config> none;
  double largest = 0;
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    const std::vector<double> unit = random_unit(2, seed);
    double sum = 0, weight = 0, least = infinity;
    for (Surrogate::Model* sample : samples) {
      Landscape own(scene.space, scene.options, scene.surrogate, *sample, none, {log_ei}, scene.random);
      sum += sample->weight * std::exp(-value_at(own, unit));
      weight += sample->weight;
      least = std::min(least, value_at(own, unit));
    }

    Landscape landscape = scene.landscape_of_all();

    const double value = value_at(landscape, unit);
    EXPECT_NEAR(value, -std::log(sum / weight), 1e-9 * std::abs(value));
    largest = std::max(largest, value - least);
  }
  EXPECT_GT(largest, 0.1) << "the samples differ";
}

TEST(LandscapeOfAnEnsemble, HasItsDerivativesHoweverTrialsRun) {
  for (const std::string& way : ways_of_pending) {
    Scene scene(half_log_plane(), 14, ensemble_with(way));
    Landscape landscape = scene.landscape_of_all({scene.space.decode(random_unit(2, 1))});
    for (std::uint64_t seed = 10; seed < 20; ++seed) {
      std::vector<double> unit = random_unit(2, seed), gradient(2, 99);
      double value = 0;

      landscape(unit, {&value, 1}, gradient);

      for (std::size_t k = 0; k < 2; ++k) {
        const double wanted =
            derivative([&](const auto& x) { return value_at(landscape, x); }, unit, k, 1e-5);
        EXPECT_NEAR(gradient[k], wanted, 1e-4 * (1 + std::abs(wanted))) << way << " " << k;
      }
    }
  }
}

TEST(LandscapeOfAnEnsemble, ForgetsRunningTrialsInAllOfItsModels) {
  Scene scene(half_log_plane(), 14, ensemble_with("fantasies"));
  const std::vector<double> unit = random_unit(2, 5);
  const auto free = [&] {
    Landscape landscape = scene.landscape_of_all();
    return value_at(landscape, unit);
  };
  const double before = free();

  { Landscape busy = scene.landscape_of_all({scene.space.decode(unit)}); }

  EXPECT_EQ(free(), before);
}

TEST(LandscapeOfAnEnsemble, SketchesTheMeanWhereItIsDear) {
  Scene scene(half_log_plane(), 140, ensemble_with("none"));
  Landscape landscape = scene.landscape_of_all();
  ASSERT_TRUE(landscape.dear());
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    const std::vector<double> unit = random_unit(2, seed);
    double sketched = 0;

    landscape.sketch(unit, {&sketched, 1});

    // Of log expected improvements by an upper bound of the variance, so not above the true one.
    EXPECT_LT(sketched, value_at(landscape, unit) + 1e-6);
  }
}

TEST(Landscape, ForgetsRunningTrialsWhenItGoes) {
  Scene scene(half_log_plane(), 14, options_with("fantasies"));
  const std::vector<double> unit = random_unit(2, 4);
  const auto value = [&] {
    Landscape landscape = scene.landscape();
    return value_at(landscape, unit);
  };

  const double before = value();
  { Landscape busy = scene.landscape({log_ei}, {scene.space.decode(unit)}); }

  EXPECT_EQ(value(), before);
}

TEST(Landscape, IsInfiniteWhereAConstraintIsBrokenOrAConfigurationExcluded) {
  Scene scene(
      space_of({{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}}, {{"half", "x + y <= 1", {}}}));
  Landscape landscape = scene.landscape({log_ei, 0, [](const Config& config) { return config[0] < 0.1; }});

  EXPECT_EQ(value_at(landscape, {0.6, 0.6}), infinity);
  EXPECT_EQ(value_at(landscape, {0.05, 0.6}), infinity);
  EXPECT_TRUE(std::isfinite(value_at(landscape, {0.3, 0.6})));
}

TEST(Landscape, RisesWhereTrialsFailed) {
  Scene scene(half_log_plane());
  const std::vector<double> near{0.8, 0.2}, far{0.1, 0.9};
  const auto value = [&](const std::vector<double>& unit) {
    Landscape landscape = scene.landscape();
    return value_at(landscape, unit);
  };
  const double near_before = value(near);

  for (const double x : {0.79, 0.8, 0.81}) scene.fail(scene.space.decode(std::vector<double>{x, 0.2}));

  EXPECT_GT(value(near), near_before + 0.5);
  EXPECT_LT(value(far), value(near));
}

TEST(AcquisitionSearch, FindsTheMinimumInAContinuousSpace) {
  Scene scene(half_log_plane());
  Landscape landscape = scene.landscape();

  const auto minima = scene.search(landscape);

  double lowest = infinity;
  for (double x = 0; x < 1; x += 0.01)
    for (double y = 0; y < 1; y += 0.01) lowest = std::min(lowest, value_at(landscape, {x, y}));
  ASSERT_FALSE(minima.empty());
  EXPECT_LE(minima.front().value, lowest + 1e-3);
  EXPECT_NEAR(value_at(landscape, minima.front().point), minima.front().value, 1e-9);
  EXPECT_TRUE(std::ranges::is_sorted(minima, {}, &Minimum::value));
}

TEST(AcquisitionSearch, FindsTheBestUntriedConfigurationOfWholeNumbers) {
  Scene scene(space_of({{"a", "int(1, 40)", {}}, {"b", "int(1, 10)", {}}}), 40);
  Landscape landscape = scene.without_the_tried();

  const auto minima = scene.search(landscape);

  double lowest = infinity;
  for (double a = 1; a <= 40; ++a)
    for (double b = 1; b <= 10; ++b)
      lowest = std::min(lowest, value_at(landscape, scene.space.encode(Config{a, b})));
  ASSERT_FALSE(minima.empty());
  EXPECT_NEAR(minima.front().value, lowest, 1e-6);
  for (const Minimum& minimum : minima)
    EXPECT_FALSE(scene.history.contains(scene.space.decode(minimum.point)));
}

TEST(AcquisitionSearch, FindsTheMinimumInASpaceOfEveryKind) {
  Scene scene(space_of({{"i", "int(1, 8)", {}},
                        {"c", "choice(p, q, r)", {}},
                        {"x", "uniform(0, 1)", {}},
                        {"z", "uniform(0, 1) if c == q", {}}}),
              20);
  Landscape landscape = scene.landscape();

  const auto minima = scene.search(landscape);

  double lowest = infinity;
  for (double i = 1; i <= 8; ++i)
    for (double c = 0; c < 3; ++c)
      for (double x = 0; x < 1; x += 0.02)
        for (double z = 0; z < 1; z += c == 1 ? 0.02 : 1)
          lowest = std::min(lowest, value_at(landscape, scene.space.encode(Config{i, c, x, z})));
  ASSERT_FALSE(minima.empty());
  EXPECT_LE(minima.front().value, lowest + 1e-2);
}

TEST(AcquisitionSearch, StaysInsideConstraintsAndRegions) {
  Scene scene(mixed_space(), 20);
  Landscape landscape = scene.landscape();
  Region region = Region::everything(scene.space.size());
  region.low[0] = 0.25;
  region.high[0] = 0.375;

  for (const Region& within : {Region::everything(scene.space.size()), region}) {
    const auto minima = scene.search(landscape, within);

    EXPECT_FALSE(minima.empty());
    for (const Minimum& minimum : minima) {
      EXPECT_EQ(scene.space.violation(scene.space.decode(minimum.point)), "");
      EXPECT_GE(minimum.point[0], within.low[0]);
      EXPECT_LE(minimum.point[0], within.high[0]);
    }
  }
}

TEST(AcquisitionSearch, FindsTheBestOfSeveralRegionsAndLeavesNone) {
  Scene scene(half_log_plane());
  Landscape landscape = scene.landscape();
  Region left = Region::everything(2), right = left;
  left.high[0] = 0.45;
  right.low[0] = 0.55;

  const auto minima =
      minimise(landscape, {{left, {}}, {right, {}}}, {.raw_samples = 256, .near_samples = 0}, scene.random);

  const double lowest =
      std::min(scene.search(landscape, left).front().value, scene.search(landscape, right).front().value);
  ASSERT_EQ(minima.size(), 10u);  // five of each region
  EXPECT_NEAR(minima.front().value, lowest, 1e-3);
  EXPECT_EQ(std::ranges::count_if(minima, [&](const Minimum& each) { return left.contains(each.point); }), 5);
}

TEST(AcquisitionSearch, FindsNothingWhereAllIsExcluded) {
  for (const space::Space& space : {half_log_plane(), mixed_space(), discrete_space()}) {
    Scene scene(space);
    Landscape landscape = scene.landscape({log_ei, 0, [](const Config&) { return true; }});

    EXPECT_TRUE(scene.search(landscape).empty());
  }
}

}  // namespace
}  // namespace regatta::search
