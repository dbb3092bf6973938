#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "parzen.hpp"
#include "regatta/search/searcher.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using namespace study;

std::unique_ptr<Searcher> make(const std::string& algorithm, const space::Space& space) {
  return make_searcher({.algorithm = algorithm, .seed = 3}, space);
}

TEST(Parzen, IsADensity) {
  const space::Space space = space_of({{"x", "uniform(-1, 1)", {}}, {"c", "choice(p, q, r)", {}}});
  const std::vector<Config> seen{{-0.9, 0}, {-0.8, 0}, {0.5, 2}};
  const Parzen density(space, seen);
  double sum = 0;
  constexpr int steps = 2000;
  for (int i = 0; i < steps; ++i)
    for (double category : {0.0, 1.0, 2.0})
      sum += std::exp(density.log_density(Config{-1 + 2 * (i + 0.5) / steps, category})) / steps;

  EXPECT_NEAR(sum, 1, 1e-3);
  EXPECT_GT(density.log_density(Config{-0.85, 0}), density.log_density(Config{0.0, 1}));
}

TEST(Parzen, DrawsWhatItSaysIsLikely) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}, {"c", "choice(p, q, r)", {}}});
  const std::vector<Config> seen{{0.1, 1}, {0.2, 1}, {0.15, 1}};
  const Parzen density(space, seen);
  Random random(5);
  std::map<double, int> categories;
  int low = 0;
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) {
    const Config config = density.sample(random);
    ++categories[config[1]];
    low += config[0] < 0.5 ? 1 : 0;
  }

  // Three of four kernels hold 1 with 5 of 7 parts, the fourth is uniform.
  EXPECT_NEAR(categories[1] / double{draws}, 0.75 * 5 / 7 + 0.25 / 3, 0.02);
  EXPECT_GT(low / double{draws}, 0.7);
}

TEST(Parzen, KeepsInactiveParametersInactive) {
  const space::Space space = mixed_space();
  const std::vector<Config> seen{space.decode(space::UnitPoint(space.size(), 0.1)),
                                 space.decode(space::UnitPoint(space.size(), 0.9))};
  const Parzen density(space, seen);
  Random random(1);

  for (int i = 0; i < 200; ++i) {
    const Config config = density.sample(random);
    Config again = config;
    space.deactivate(again);
    EXPECT_TRUE(same_config(config, again));
    EXPECT_TRUE(std::isfinite(density.log_density(config)));
  }
}

/// Best value of a bowl with its minimum at (0.3, 0.8) after 80 trials, 4 of which run at once.
double best_of_bowl(const std::string& algorithm) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}});
  const auto searcher = make(algorithm, space);
  History history;
  for (int i = 0; i < 80; ++i) {
    extend(*searcher, history, 1);
    finish(history, TrialState::Running);
    if (i < 3) continue;
    const Trial& oldest = history[TrialId{i - 3}];
    TrialEnded end;
    end.trial = oldest.id;
    end.objective = std::pow(oldest.config[0] - 0.3, 2) + std::pow(oldest.config[1] - 0.8, 2);
    history.record(end);
  }
  return history[*history.incumbent()].objective;
}

TEST(TpeSearcher, FindsTheBottomOfABowlThatSobolPointsMiss) {
  EXPECT_LT(best_of_bowl("tpe"), 1e-3);
  EXPECT_LT(best_of_bowl("tpe"), best_of_bowl("sobol") / 2);
}

TEST(TpeSearcher, KeepsClearOfRunningTrials) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}});
  const auto searcher = make("tpe", space);
  History history;
  for (int i = 0; i < 20; ++i) {
    extend(*searcher, history, 1);
    const double x = history.trials().back().config[0];
    finish(history, TrialState::Completed, std::abs(x - 0.5));
  }
  std::vector<Config> ahead;
  for (std::size_t i = 0; i < 16; ++i)
    ahead.push_back(*searcher->propose(history, next_trial(history, i), ahead));

  for (std::size_t i = 0; i < ahead.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_GT(std::abs(ahead[i][0] - ahead[j][0]), 1e-6);
}

TEST(TpeSearcher, LearnsFromPausedTrials) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}});
  const auto searcher = make("tpe", space);
  History paused, completed;
  for (int i = 0; i < 30; ++i) {
    for (auto* history : {&paused, &completed}) {
      create(*history, {(i + 0.5) / 30});
      const double value = std::abs(history->trials().back().config[0] - 0.2);
      if (history == &completed) {
        finish(*history, TrialState::Completed, value);
        continue;
      }
      TrialReported report;
      report.trial = TrialId{i};
      report.epoch = 1;
      report.value = value;
      history->record(report);
      finish(*history, TrialState::Paused);
    }
  }

  EXPECT_EQ(searcher->propose(paused, TrialId{30}, {}), searcher->propose(completed, TrialId{30}, {}));
}

TEST(Bohb, LearnsFromTheLatestEpochWithEnoughResults) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}});
  History history;
  for (int i = 0; i < 40; ++i) {
    create(history, {(i + 0.5) / 40});
    for (std::int32_t epoch : {1, 3, 9}) {
      if ((epoch == 3 && i % 2 > 0) || (epoch == 9 && i > 4)) continue;
      TrialReported report;
      report.trial = TrialId{i};
      report.epoch = epoch;
      // At epoch 1 small x look good, at epoch 3 large ones are; five results at epoch 9 are too few.
      report.value = epoch == 1 ? history.trials().back().config[0] : 1 - history.trials().back().config[0];
      history.record(report);
    }
    finish(history, TrialState::Stopped, 0);
  }
  int large = 0;
  for (std::int32_t trial = 40; trial < 70; ++trial)
    large += (*make("bohb", space)->propose(history, TrialId{trial}, {}))[0] > 0.7 ? 1 : 0;

  EXPECT_GT(large, 15) << "two of three proposals follow the model";
}

}  // namespace
}  // namespace regatta::search
