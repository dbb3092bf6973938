#include <cmath>
#include <functional>
#include <set>

#include "study.hpp"

// What the searcher `ais` does with results; what it does without is part of the contract of all searchers.
namespace regatta::search {
namespace {

using namespace study;

std::unique_ptr<Searcher> searcher_of(const space::Space& space, const TreeOptions& options = {},
                                      std::uint64_t seed = 7) {
  return make_searcher({.algorithm = "ais", .seed = seed, .tree = options}, space);
}

space::Space cube(std::size_t dimensions) {
  std::vector<space::Definition> definitions;
  for (std::size_t i = 0; i < dimensions; ++i)
    definitions.push_back({"p" + std::to_string(i), "uniform(0, 1)", {}});
  return space_of(definitions);
}

double bowl(const Config& config) {
  double sum = 0;
  for (const double x : config) sum += std::pow(x - 0.3, 2) / static_cast<double>(config.size());
  return sum;
}

double mixed_objective(const Config& config) {
  return std::pow(std::log10(config[0]) + 2, 2) + 0.3 * std::abs(config[1] - 2) + (config[5] == 1 ? 0 : 0.5) +
         0.1 * std::pow(config[4], 2) + (std::isnan(config[6]) ? 0 : config[6]);
}

TEST(AisSearcher, FindsTheMinimumWithModelsOfAllResults) {
  History history;

  evaluate(*searcher_of(cube(3)), history, 45, bowl);

  EXPECT_LT(best_of(history), 1e-4);
}

TEST(AisSearcher, FindsTheMinimumWithModelsOfParts) {
  for (const char* selection : {"score", "draw"}) {
    History history;

    evaluate(*searcher_of(cube(3), {.split = 12, .selection = selection, .local_from = 10}), history, 80,
             bowl);

    EXPECT_LT(best_of(history), 1e-3) << selection;
  }
}

TEST(AisSearcher, SearchesEveryKindOfParameter) {
  for (const int local_from : {10, 1000}) {
    History history;

    evaluate(*searcher_of(mixed_space(), {.split = 10, .local_from = local_from}), history, 45,
             mixed_objective);

    expect_feasible_and_different(mixed_space(), history);
    EXPECT_LT(best_of(history), 0.3);
  }
}

TEST(AisSearcher, FindsTheLargestValueWhenTheStudyMaximizes) {
  History history(true);

  evaluate(*searcher_of(cube(2), {.split = 10, .local_from = 15}), history, 50,
           [](const Config& config) { return -bowl(config); });

  EXPECT_GT(best_of(history), -1e-3);
}

TEST(AisSearcher, ProposesTheSameWhateverItWasAskedBefore) {
  for (const int local_from : {12, 1000}) {
    const TreeOptions options{.split = 10, .local_from = local_from};
    const space::Space space = cube(2);
    const auto used = searcher_of(space, options);
    History history;
    evaluate(*used, history, 22, bowl);
    const History before = history;
    evaluate(*used, history, 6, bowl);

    const auto after = used->propose(before, next_trial(before, 1), {});
    const auto fresh = searcher_of(space, options)->propose(before, next_trial(before, 1), {});

    EXPECT_TRUE(same_config(after.value(), fresh.value())) << local_from;
    const auto ahead = used->propose(before, next_trial(before, 1), {after.value()});
    EXPECT_FALSE(same_config(after.value(), ahead.value())) << local_from;
  }
}

TEST(AisSearcher, ProposesDifferentTrialsForManyWorkersAtOnce) {
  const space::Space space = cube(4);
  const auto subject = searcher_of(space, {.split = 10});
  History history;
  evaluate(*subject, history, 30, bowl);

  for (int i = 0; i < 120; ++i) {
    create(history, subject->propose(history, next_trial(history), {}).value());
    finish(history, TrialState::Running);
  }

  expect_feasible_and_different(space, history);
}

TEST(AisSearcher, GoesOnWhenTrialsFail) {
  const auto subject = searcher_of(cube(2), {.split = 10, .local_from = 20});
  History history;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    const Config config = subject->propose(history, next_trial(history), {}).value();
    const bool fails = config[0] > 0.6;
    failed += fails ? 1 : 0;
    create(history, config);
    finish(history, fails ? TrialState::Failed : TrialState::Completed, bowl(config));
  }

  EXPECT_LT(failed, 20u) << "40 % of the space fails";
  EXPECT_LT(best_of(history), 0.01);
}

TEST(AisSearcher, DoesNotMindPausedAndRunningTrials) {
  const auto subject = searcher_of(mixed_space(), {.split = 10, .local_from = 10});
  History history;
  evaluate(*subject, history, 15, mixed_objective);

  for (const TrialState state : {TrialState::Paused, TrialState::Running, TrialState::Stopped,
                                 TrialState::Cancelled, TrialState::Failed, TrialState::Paused}) {
    extend(*subject, history, 1);
    finish(history, state, 1);
  }

  expect_feasible_and_different(mixed_space(), history);
}

TEST(AisSearcher, SurvivesObjectivesThatSayNothing) {
  for (const double value : {3.0, 1e308, not_a_number}) {
    History history;

    evaluate(*searcher_of(mixed_space(), {.split = 10, .local_from = 12}), history, 40,
             [&](const Config& config) { return config[1] == 2 ? value : 3; });

    expect_feasible_and_different(mixed_space(), history);
  }
}

TEST(AisSearcher, LooksWhereTheUserExpectsGoodValues) {
  const space::Space space = cube(2);
  Problems problems;
  const std::vector<space::Definition> beliefs{{"p0", "normal(0.8, 0.02)", {}}};
  SearcherOptions options{.algorithm = "ais", .seed = 7, .tree = {.split = 8, .local_from = 8}};
  options.bayesian.prior = UserPrior::parse(beliefs, space, problems);
  options.bayesian.prior_strength = 1e4;
  ASSERT_TRUE(problems.empty());
  const auto subject = make_searcher(options, space);
  History history;
  evaluate(*subject, history, 20, [](const Config& config) { return config[1]; });

  std::size_t there = 0;
  for (std::size_t i = 10; i < 20; ++i) there += std::abs(history.trials()[i].config[0] - 0.8) < 0.15 ? 1 : 0;
  EXPECT_GE(there, 6u) << "of 10";
}

TEST(AisSearcher, FollowsTheAcquisitionWithModelsOfParts) {
  std::set<Config> proposals;
  for (const char* acquisition : {"log_ei", "ucb", "thompson", "hedge"}) {
    SearcherOptions options{.algorithm = "ais", .seed = 7, .tree = {.split = 12, .local_from = 10}};
    options.bayesian.acquisition = acquisition;
    History history;

    evaluate(*make_searcher(options, cube(2)), history, 60, bowl);

    EXPECT_LT(best_of(history), 5e-3) << acquisition;
    proposals.insert(history.trials()[12].config);
  }
  EXPECT_GE(proposals.size(), 3u) << "all but hedge, which may begin as any of them, differ";
}

TEST(AisSearcher, EndsWhenNoPartPromisesTheLeastGain) {
  SearcherOptions options{.algorithm = "ais", .seed = 7, .tree = {.split = 10, .local_from = 10}};
  options.min_gain = 1e-3;
  const auto subject = make_searcher(options, cube(1));
  History history;
  while (history.trials().size() < 100) {
    const auto config = subject->propose(history, next_trial(history), {});
    if (!config) break;
    create(history, *config);
    finish(history, TrialState::Completed, bowl(*config));
  }

  EXPECT_LT(history.trials().size(), 100u);
  EXPECT_LT(best_of(history), 1e-3);
  EXPECT_NE(subject->exhausted_reason().find("min_gain"), std::string::npos);
}

TEST(AisSearcher, EndsAtTheMaximumHeight) {
  const auto subject = searcher_of(cube(1), {.max_height = 2, .split = 8, .local_from = 10});
  History history;
  std::size_t trials = 0;
  for (; trials < 200; ++trials) {
    const auto config = subject->propose(history, next_trial(history), {});
    if (!config) break;
    create(history, *config);
    finish(history, TrialState::Completed, bowl(*config));
  }

  EXPECT_GT(trials, 10u);
  EXPECT_LT(trials, 200u);
  EXPECT_NE(subject->exhausted_reason().find("max_height"), std::string::npos);
}

}  // namespace
}  // namespace regatta::search
