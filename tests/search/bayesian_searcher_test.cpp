#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "study.hpp"

// What the searcher `bo` does with results; what it does without is part of the contract of all searchers.
namespace regatta::search {
namespace {

using namespace study;
using Objective = std::function<double(const Config&)>;

std::unique_ptr<Searcher> bayesian_searcher(const space::Space& space, std::uint64_t seed = 7,
                                            const BayesianOptions& options = {}) {
  return make_searcher({.algorithm = "bo", .seed = seed, .bayesian = options}, space);
}

double branin(const Config& x) {
  const double pi = std::numbers::pi, parabola = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return parabola * parabola + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}
constexpr double branin_minimum = 0.39788735772973816;
space::Space branin_space() { return space_of({{"x", "uniform(-5, 10)", {}}, {"y", "uniform(0, 15)", {}}}); }

/// Smooth in the numbers, with a bonus for one word.
double costly_mixture(const Config& config) {
  double sum = config[5] == 1 ? 0 : 0.5;
  sum +=
      std::pow(std::log10(config[0]) + 2, 2) + 0.3 * std::abs(config[1] - 2) + std::pow(config[3] - 0.2, 2);
  return sum + 0.1 * std::pow(config[4], 2) + (std::isnan(config[6]) ? 0 : config[6]);
}

TEST(BayesianSearcher, ReachesTheMinimumOfBranin) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    History history;
    evaluate(*bayesian_searcher(branin_space(), seed), history, 40, branin);

    EXPECT_LT(best_of(history) - branin_minimum, 0.1) << seed;
  }
}

TEST(BayesianSearcher, FindsTheDeeperOfTwoValleys) {
  const space::Space space = space_of({{"a", "uniform(0, 1)", {}},
                                       {"b", "uniform(0, 1)", {}},
                                       {"c", "uniform(0, 1)", {}},
                                       {"d", "uniform(0, 1)", {}}});
  const auto objective = [](const Config& config) {
    double wide = 0, narrow = 0;
    for (const double x : config) wide += 4 * std::pow(x - 0.75, 2), narrow += 10 * std::pow(x - 0.2, 2);
    return -std::exp(-wide) - 1.1 * std::exp(-narrow);
  };
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    History history;
    evaluate(*bayesian_searcher(space, seed), history, 90, objective);

    EXPECT_LT(best_of(history), -1.09) << seed;
  }
}

TEST(BayesianSearcher, FindsTheBestOfWholeNumbersAndWords) {
  const space::Space space = space_of(
      {{"a", "int(1, 20)", {}}, {"b", "choice(p, q, r, s, t)", {}}, {"c", "ordinal(1, 2, 4, 8, 16)", {}}});
  const auto objective = [](const Config& config) {
    return std::pow((config[0] - 13) / 5, 2) + (config[1] == 3 ? 0 : 1) + 0.5 * std::pow(config[2] - 1, 2);
  };
  for (const std::uint64_t seed : {1, 2}) {
    History history;
    evaluate(*bayesian_searcher(space, seed), history, 40, objective);

    EXPECT_EQ(best_of(history), 0) << seed;
    EXPECT_EQ(history.distinct(), 40u);
  }
}

TEST(BayesianSearcher, FindsTheLargestValueWhenTheStudyMaximizes) {
  History history(true);
  evaluate(*bayesian_searcher(branin_space()), history, 30,
           [](const Config& config) { return -branin(config); });

  EXPECT_GT(best_of(history), -branin_minimum - 0.5);
}

TEST(BayesianSearcher, ProposesSixtyFourDifferentTrialsAtOnce) {
  for (const space::Space& space : {branin_space(), mixed_space(), discrete_space()}) {
    const auto subject = bayesian_searcher(space);
    History history;
    evaluate(*subject, history, 12,
             [&](const Config& config) { return std::pow(space.encode(config)[0] - 0.3, 2); });
    std::vector<Config> ahead;

    for (std::size_t i = 0; i < 32; ++i)
      ahead.push_back(subject->propose(history, next_trial(history, i), ahead).value());
    for (const Config& config : ahead) {
      create(history, config);
      finish(history, TrialState::Running);
    }
    for (std::size_t i = 0; i < 32; ++i) {
      create(history, subject->propose(history, next_trial(history), {}).value());
      finish(history, TrialState::Running);
    }

    expect_feasible_and_different(space, history);
  }
}

TEST(BayesianSearcher, SurvivesAnyObjective) {
  const std::vector<std::pair<std::string, Objective>> objectives{
      {"constant", [](const Config&) { return 3; }},
      {"NaN", [](const Config&) { return not_a_number; }},
      {"infinite", [](const Config&) { return std::numeric_limits<double>::infinity(); }},
      {"huge", [](const Config&) { return 1e30; }},
      {"one huge", [](const Config& config) { return config[1] == 2 ? 1e30 : config[1]; }},
      {"largest", [](const Config& config) { return config[1] == 2 ? 1e308 : -1e308; }},
      {"tiny", [](const Config& config) { return 1e-30 * config[1]; }},
      {"half NaN", [](const Config& config) { return config[1] == 2 ? not_a_number : config[0]; }},
      {"steps", [](const Config& config) { return config[0] > 1e-2 ? 1.0 : 0.0; }},
  };
  const space::Space space = mixed_space();
  for (const auto& [name, objective] : objectives) {
    SCOPED_TRACE(name);
    History history;

    ASSERT_NO_THROW(evaluate(*bayesian_searcher(space), history, 22, objective));

    expect_feasible_and_different(space, history);
  }
}

TEST(BayesianSearcher, GoesOnWhenAllTrialsFail) {
  const space::Space space = mixed_space();
  const auto subject = bayesian_searcher(space);
  History history;

  for (int i = 0; i < 25; ++i) {
    extend(*subject, history, 1);
    finish(history, TrialState::Failed);
  }

  EXPECT_EQ(history.trials().size(), 25u);
  expect_feasible_and_different(space, history);
}

TEST(BayesianSearcher, KeepsAwayFromWhereTrialsFail) {
  const auto subject = bayesian_searcher(branin_space(), 3);
  History history;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    const Config config = subject->propose(history, next_trial(history), {}).value();
    const bool fails = config[0] > 5;  // a third of the space, with one of the three minima
    failed += fails ? 1 : 0;
    create(history, config);
    finish(history, fails ? TrialState::Failed : TrialState::Completed, branin(config));
  }

  EXPECT_LT(failed, 60u / 4);
  EXPECT_LT(best_of(history) - branin_minimum, 0.1);
}

TEST(BayesianSearcher, EndsWhenNothingPromisesTheLeastGain) {
  const auto subject = make_searcher({.algorithm = "bo", .seed = 7, .min_gain = 0.01}, branin_space());
  History history;
  std::size_t trials = 0;
  for (; trials < 200; ++trials) {
    const auto config = subject->propose(history, next_trial(history), {});
    if (!config) break;
    create(history, *config);
    finish(history, TrialState::Completed, branin(*config));
  }

  EXPECT_GT(trials, 10u);
  EXPECT_LT(trials, 100u);
  EXPECT_NE(subject->exhausted_reason().find("min_gain"), std::string::npos);
  EXPECT_LT(best_of(history) - branin_minimum, 0.1);
}

TEST(BayesianSearcher, PromisesMoreThanNothing) {
  const auto subject = bayesian_searcher(branin_space());
  History history;
  evaluate(*subject, history, 6, branin);
  EXPECT_FALSE(subject->promised().has_value());

  evaluate(*subject, history, 10, branin);

  ASSERT_TRUE(subject->promised().has_value());
  EXPECT_GT(*subject->promised(), 0);
  EXPECT_TRUE(std::isfinite(*subject->promised()));
}

TEST(BayesianSearcher, TriesAllOfADiscreteSpaceBeforeItRepeats) {
  const space::Space space = tiny_space();
  const auto subject = bayesian_searcher(space);
  History history;

  evaluate(*subject, history, tiny_count, [](const Config& config) { return config[1]; });

  expect_feasible_and_different(space, history);
  const auto after = subject->propose(history, next_trial(history), {});
  ASSERT_TRUE(after.has_value());
  EXPECT_TRUE(history.contains(*after));
}

TEST(BayesianSearcher, NeverRepeatsAConfigurationOfADiscreteSpace) {
  const space::Space space =
      space_of({{"a", "int(1, 12)", {}}, {"b", "choice(p, q, r)", {}}, {"c", "logint(1, 4)", {}}});
  History history;

  evaluate(*bayesian_searcher(space), history, 60,
           [](const Config& config) { return std::abs(config[0] - 5) + config[1]; });

  EXPECT_EQ(history.distinct(), 60u);
}

TEST(BayesianSearcher, ProposesTheSameWhateverItWasAskedBefore) {
  for (const space::Space& space : {branin_space(), mixed_space()}) {
    const auto used = bayesian_searcher(space);
    const auto objective = [&](const Config& config) { return std::pow(space.encode(config)[0] - 0.3, 2); };
    History history;
    evaluate(*used, history, 18, objective);
    const History before = history;
    evaluate(*used, history, 5, objective);
    std::vector<Config> wanted, got;

    for (std::size_t ahead = 0; ahead < 4; ++ahead) {
      wanted.push_back(bayesian_searcher(space)->propose(before, next_trial(before, ahead), {}).value());
      static_cast<void>(used->propose(before, next_trial(before, 3 - ahead), {}));
      got.push_back(used->propose(before, next_trial(before, ahead), {}).value());
    }

    for (std::size_t ahead = 0; ahead < 4; ++ahead)
      EXPECT_TRUE(same_config(wanted[ahead], got[ahead])) << ahead;
  }
}

TEST(BayesianSearcher, DoesNotMindPausedAndRunningTrials) {
  const space::Space space = mixed_space();
  const auto subject = bayesian_searcher(space);
  History history;
  evaluate(*subject, history, 12, costly_mixture);

  for (const TrialState state : {TrialState::Paused, TrialState::Running, TrialState::Stopped,
                                 TrialState::Cancelled, TrialState::Failed, TrialState::Paused}) {
    extend(*subject, history, 1);
    finish(history, state, 1);
  }

  expect_feasible_and_different(space, history);
}

TEST(BayesianSearcher, WorksWithEachOfItsOptions) {
  std::vector<BayesianOptions> all;
  const auto with = [&](auto member, auto value) { (all.emplace_back().*member) = value; };
  for (const std::string word : {"ei", "ucb", "thompson", "hedge"}) with(&BayesianOptions::acquisition, word);
  for (const std::string word : {"none", "believer", "local_penalization", "hard_penalization"})
    with(&BayesianOptions::pending, word);
  for (const std::string word : {"matern52", "rbf", "additive"}) with(&BayesianOptions::kernel, word);
  for (const std::string word : {"standard", "half_rank", "log", "none"})
    with(&BayesianOptions::transform, word);
  for (const std::string word : {"exact", "fixed"}) with(&BayesianOptions::noise, word);
  for (const std::string word : {"cma", "ensemble"}) with(&BayesianOptions::fit, word);
  for (const std::string word : {"true", "false"}) with(&BayesianOptions::warp, word);
  for (const int count : {0, 1, 3}) with(&BayesianOptions::trust_regions, count);
  with(&BayesianOptions::initial_design, std::string("random"));
  with(&BayesianOptions::initial_trials, 2);
  with(&BayesianOptions::fantasies, 1);
  with(&BayesianOptions::jitter, 0.1);
  const space::Space space = mixed_space();
  for (const BayesianOptions& options : all) {
    const auto subject = bayesian_searcher(space, 7, options);
    History history;
    extend(*bayesian_searcher(space), history, 1);
    finish(history, TrialState::Running);

    evaluate(*subject, history, 15, costly_mixture);
    extend(*subject, history, 2);

    expect_feasible_and_different(space, history);
  }
}

TEST(BayesianSearcher, SearchesOneParameterAndTwenty) {
  std::vector<space::Definition> many;
  for (int i = 0; i < 20; ++i) many.push_back({"p" + std::to_string(i), "uniform(0, 1)", {}});
  for (const space::Space& space : {space_of({{"x", "uniform(0, 1)", {}}}), space_of(many)}) {
    const auto objective = [](const Config& config) {
      double sum = 0;
      for (const double x : config) sum += std::pow(x - 0.3, 2) / static_cast<double>(config.size());
      return sum;
    };
    History history;

    evaluate(*bayesian_searcher(space), history, space.size() + 15, objective);

    expect_feasible_and_different(space, history);
    EXPECT_LT(best_of(history), space.size() == 1 ? 1e-4 : 0.12)
        << "that of a random point is 0.12 on average";
  }
}

}  // namespace
}  // namespace regatta::search
