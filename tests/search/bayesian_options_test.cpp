#include <algorithm>
#include <cmath>

#include "acquisition_search.hpp"
#include "numeric.hpp"
#include "rule.hpp"
#include "study.hpp"
#include "surrogate.hpp"

// Each option of `bo` does something, and what it says.
namespace regatta::search {
namespace {

using namespace numeric;
using namespace study;

space::Space cube(int dimensions) {
  std::vector<space::Definition> parameters;
  for (int i = 0; i < dimensions; ++i) parameters.push_back({"p" + std::to_string(i), "uniform(0, 1)", {}});
  return space_of(parameters);
}

double rippled_bowl(const Config& config) {
  double sum = 0;
  for (const double x : config) sum += std::pow(x - 0.3, 2) + 0.05 * std::cos(9 * x);
  return sum;
}

/// Results at random points of a cube, and trials that still run.
void scatter(History& history, const space::Space& space, double centre, double side, std::size_t results,
             std::size_t running) {
  for (std::size_t i = 0; i < results + running; ++i) {
    Config config = centred_numbers(space.size(), 50 + history.trials().size());
    for (double& coordinate : config) coordinate = centre + side * coordinate;
    create(history, config);
    if (i < results) {
      finish(history, TrialState::Completed, rippled_bowl(config));
    } else {
      finish(history, TrialState::Running);
    }
  }
}

History history_of(const space::Space& space, std::size_t results, std::size_t running) {
  History history;
  scatter(history, space, 0.5, 1, results, running);
  return history;
}

/// Two proposals of each turn.
std::vector<Config> proposals(const space::Space& space, const History& history,
                              const BayesianOptions& options) {
  const auto searcher = make_searcher({.algorithm = "bo", .seed = 7, .bayesian = options}, space);
  std::vector<Config> all;
  for (std::size_t ahead = 0; ahead < 8; ++ahead)
    all.push_back(searcher->propose(history, next_trial(history, ahead), {}).value());
  return all;
}

template <class Member, class Value>
BayesianOptions with(Member member, const Value& value, BayesianOptions options = {}) {
  options.*member = value;
  return options;
}

TEST(BayesianOptions, ChangeWhatIsProposed) {
  using O = BayesianOptions;
  const space::Space space = cube(3);
  const History history = history_of(space, 16, 2);
  const auto usual = proposals(space, history, {});
  const auto change = [&](const std::string& what, auto member, auto value) {
    EXPECT_NE(proposals(space, history, with(member, value)), usual) << what << " " << value;
  };

  for (const std::string word : {"ucb", "thompson", "hedge"}) change("acquisition", &O::acquisition, word);
  for (const std::string word : {"none", "believer", "local_penalization", "hard_penalization"})
    change("pending", &O::pending, word);
  for (const std::string word : {"matern52", "rbf", "additive"}) change("kernel", &O::kernel, word);
  for (const std::string word : {"standard", "half_rank", "log", "none"})
    change("transform", &O::transform, word);
  change("warp", &O::warp, std::string("true"));
  change("noise", &O::noise, std::string("exact"));
  for (const std::string word : {"cma", "ensemble"}) change("fit", &O::fit, word);
  for (const int count : {1, 3}) change("trust_regions", &O::trust_regions, count);
  change("raw_samples", &O::raw_samples, 64);
  change("restarts", &O::restarts, 1);
  change("fantasies", &O::fantasies, 3);
  change("jitter", &O::jitter, 0.3);

  EXPECT_EQ(proposals(space, history, with(&O::acquisition, "ei")), usual) << "the same by its older name";
}

TEST(BayesianOptions, OfAcquisitionsChangeWhatTheseTake) {
  using O = BayesianOptions;
  const space::Space space = cube(3);
  const History history = history_of(space, 16, 2);
  const O bound = with(&O::acquisition, "ucb"), fixed = with(&O::noise, "fixed");
  const auto usual = proposals(space, history, bound);

  EXPECT_NE(proposals(space, history, with(&O::beta, 0.1, bound)), usual);
  EXPECT_NE(proposals(space, history, with(&O::beta_decay, 1, bound)), usual);
  EXPECT_NE(proposals(space, history, with(&O::noise_deviation, 0.1, fixed)),
            proposals(space, history, fixed));
}

TEST(BayesianOptions, SayWhatComesBeforeTheFirstModel) {
  const space::Space space = cube(3);
  const auto after_the_design = [&](BayesianOptions options, std::size_t trials) {
    const auto bo = make_searcher({.algorithm = "bo", .seed = 7, .bayesian = options}, space);
    const auto design = make_searcher({.algorithm = options.initial_design, .seed = 7}, space);
    History history;
    for (std::size_t i = 0; i <= trials; ++i) {
      const Config proposed = bo->propose(history, next_trial(history), {}).value();
      EXPECT_EQ(proposed == design->propose(history, next_trial(history), {}).value(), i < trials)
          << options.initial_design << " " << i << " of " << trials;
      create(history, proposed);
      finish(history, TrialState::Completed, rippled_bowl(proposed));
    }
  };

  after_the_design({}, 7);
  BayesianOptions options;
  for (const int trials : {3, 11}) {
    options.initial_trials = trials;
    for (const char* design : {"sobol", "random"}) {
      options.initial_design = design;
      after_the_design(options, static_cast<std::size_t>(trials));
    }
  }
}

TEST(BayesianOptions, ChooseAsManyTrustRegionsAsParametersAndRunningTrialsAskFor) {
  const auto regions = [](int dimensions, std::size_t running) {
    const space::Space space = cube(dimensions);
    History history;  // a box around the best result that has become small, and results far from it
    scatter(history, space, 0.3, 0, 1, 0);
    scatter(history, space, 0.3, 0.1, 24, 0);
    scatter(history, space, 0.9, 0.1, 12, 0);
    scatter(history, space, 0.5, 1, 0, running);
    const auto chosen = proposals(space, history, {});
    for (int count = 0; count < 4; ++count)
      if (proposals(space, history, with(&BayesianOptions::trust_regions, count)) == chosen) return count;
    return -1;
  };

  EXPECT_EQ(regions(7, 0), 0);
  EXPECT_EQ(regions(8, 0), 1);
  EXPECT_EQ(regions(8, 30), 1);
  EXPECT_EQ(regions(8, 32), 2);
}

TEST(BayesianOptions, OfAnEnsembleMaximiseTheMeanOverItsSamples) {
  const space::Space space = cube(2);
  const History history = history_of(space, 8, 0);
  BayesianOptions options;
  options.fit = "ensemble";
  options.kernel = "matern52";
  options.transform = "standard";
  options.explore = 0;  // keeps to the best of all places
  Surrogate surrogate(space, options);
  surrogate.update(history);
  Random random(3);
  Landscape::Setting terrain = terrain_of(Rule::Improvement, options, 8);
  const auto best_place = [&](Landscape& landscape) {
    return minimise(landscape, {{Region::everything(2), {}}}, {}, random).front();
  };
  std::vector<space::UnitPoint> of_samples;
  for (Surrogate::Model* sample : surrogate.companions({.kernel = KernelKind::Matern52})) {
    Landscape alone(space, options, surrogate, *sample, {}, terrain, random);
    of_samples.push_back(best_place(alone).point);
  }
  Surrogate::Model& model = surrogate.draw(0);
  terrain.companions = surrogate.companions(model);
  Landscape mean(space, options, surrogate, model, {}, terrain, random);
  const auto value_at = [&](const space::UnitPoint& unit) {
    double value = 0;
    mean(unit, {&value, 1}, {});
    return value;
  };
  const double least = best_place(mean).value;
  ASSERT_EQ(of_samples.size(), 4u);
  for (const space::UnitPoint& unit : of_samples) EXPECT_GT(value_at(unit), least + 0.001);

  const auto searcher = make_searcher({.algorithm = "bo", .seed = 7, .bayesian = options}, space);
  for (std::int32_t number : {8, 12, 16, 20})
    EXPECT_NEAR(value_at(space.encode(searcher->propose(history, TrialId{number}, {}).value())), least, 1e-4);
}

TEST(BayesianPromises, AreTheMeanGainOfAllModelsByTheirWeights) {
  const space::Space space = cube(3);
  const History history = history_of(space, 16, 0);
  const auto searcher = make_searcher({.algorithm = "bo", .seed = 7}, space);
  Surrogate surrogate(space, {});
  surrogate.update(history);
  const auto gain_of = [&](const Surrogate::Model& model, const Config& config) {
    std::vector<double> features(3);
    surrogate.embedding().embed(config, features);
    Prediction prediction;
    model.process->predict({features.data(), 1, 3, 3}, prediction);
    const Acquired gain =
        log_expected_improvement(prediction.mean[0], prediction.variance[0], model.incumbent);
    return std::exp(gain.value - model.transform.log_slope(surrogate.active().losses[model.best]));
  };

  for (std::int32_t number = 16; number < 20; ++number) {
    const Config proposed = searcher->propose(history, TrialId{number}, {}).value();

    double sum = 0, weights = 0;
    for (const Surrogate::Model* model : surrogate.weighed()) {
      sum += model->weight * gain_of(*model, proposed);
      weights += model->weight;
    }
    EXPECT_NEAR(searcher->promised().value() / (sum / weights), 1, 1e-6);
    EXPECT_GT(surrogate.weighed().size(), 2u);
    EXPECT_GT(weights, 0.8);
  }
}

TEST(BayesianOptions, TakeNoiseFromTheOptionFromTheObjectiveOrForNone) {
  const space::Space space = cube(2);
  History history = history_of(space, 20, 0);
  create(history, {0.9, 0.1});
  finish(history, TrialState::Completed, -1, 5);
  const auto best_with = [&](const std::string& noise, double deviation) {
    BayesianOptions options;
    options.kernel = "rbf";
    options.transform = "standard";
    options.noise = noise;
    options.noise_deviation = deviation;
    Surrogate surrogate(space, options);
    surrogate.update(history);
    const Surrogate::Model& model = surrogate.draw(0.5);
    const std::vector<double> latent = model.process->latent_values();
    double largest = 0;
    for (std::size_t i = 0; i < latent.size(); ++i)
      largest = std::max(largest, std::abs(latent[i] - model.values[i]));
    return std::pair(model.best == 20, largest);
  };

  const auto [believed, smoothed] = best_with("exact", 0);
  EXPECT_TRUE(believed);
  EXPECT_LT(smoothed, 1e-3);
  EXPECT_TRUE(best_with("fixed", 0.01).first) << "all results are as exact as that";
  EXPECT_GT(best_with("fixed", 0.5).second, 0.1);
  EXPECT_FALSE(best_with("learnt", 0).first);
  EXPECT_FALSE(best_with("fixed", 0).first) << "standard errors of the objective";
}

}  // namespace
}  // namespace regatta::search
