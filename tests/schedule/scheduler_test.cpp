#include "regatta/schedule/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "schedule/rung.hpp"
#include "schedule/time_varying_process.hpp"

// The rules, on histories small enough to be computed by hand.
namespace regatta::schedule {
namespace {

using search::TrialState;

/// A scheduler and the history that the test tells it.
class Story {
 public:
  explicit Story(const SchedulerOptions& options, const StudyFacts& facts = {9, 0, 1, {}},
                 bool maximize = false)
      : history_(maximize), scheduler_(make_scheduler(options, facts)) {}

  /// Starts new trials until there are `count`.
  Story& trials(int count) {
    while (std::ssize(history_.trials()) < count) {
      search::TrialCreated created;
      created.trial = TrialId{static_cast<std::int32_t>(history_.trials().size())};
      created.config = {0.1, 4};
      history_.record(created);
      start(created.trial.value);
    }
    return *this;
  }
  void start(int trial) {
    search::TrialStarted started;
    started.trial = TrialId{trial};
    started.until_epoch = until(trial);
    history_.record(started);
  }
  /// The answer to a report of a running trial, which then pauses or ends as it says.
  Answer report(int trial, std::int32_t epoch, double value) {
    search::TrialReported event;
    event.trial = TrialId{trial};
    event.epoch = epoch;
    event.value = value;
    history_.record(event);
    decision = scheduler_->on_result(history_, event);
    if (decision.answer == Answer::Stop) end(trial, TrialState::Stopped);
    if (decision.answer == Answer::Pause || decision.answer == Answer::Change ||
        decision.answer == Answer::Restart)
      end(trial, TrialState::Paused);
    if (decision.answer != Answer::Change && decision.answer != Answer::Restart) return decision.answer;
    history_.record(search::TrialChanged{event.trial, epoch, decision.donor, 0, decision.config});
    start(trial);
    return decision.answer;
  }
  void end(int trial, TrialState state) {
    search::TrialEnded event;
    event.trial = TrialId{trial};
    event.state = state;
    event.objective = history_[event.trial].objective;
    history_.record(event);
  }
  Job choose(bool more = true) { return scheduler_->choose_trial_to_run(history_, more); }
  /// The paused trial that a free slot goes on with, which then runs; -1: a new one, -2: none.
  int resumed(bool more = true) {
    const Job job = choose(more);
    if (job.kind == Job::Kind::Resume) start(job.trial.value);
    return job.kind == Job::Kind::Wait ? -2 : job.trial.value;
  }
  Decision decision;  ///< the last one
  /// Where the trial's latest start was to pause.
  std::int32_t started_until(int trial) const { return history_[TrialId{trial}].until_epoch; }
  std::int32_t until(int trial) { return scheduler_->until_epoch(history_, history_[TrialId{trial}]); }

 private:
  search::History history_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST(Rung, KnowsItsBestAfterEveryResult) {
  Random random(3);
  for (const auto& [eta, least] : {std::pair{3.0, 0}, {3.0, 1}, {1.1, 0}, {2.5, 1}}) {
    Rung rung(eta, static_cast<std::size_t>(least));
    std::vector<Rung::Entry> all;
    for (int trial = 0; trial < 200; ++trial) {
      all.emplace_back(static_cast<double>(random.below(50)), TrialId{trial});
      rung.insert(all.back());
      std::ranges::sort(all);
      const auto best =
          std::max(static_cast<std::size_t>(least), static_cast<std::size_t>((trial + 1) / eta));
      for (std::size_t place = 0; place < all.size(); ++place)
        ASSERT_EQ(rung.among_best(all[place]), place < best);
    }
  }
}

TEST(Scheduler, IsFifoUnlessSaidOtherwise) {
  EXPECT_EQ(SchedulerOptions{}.algorithm, scheduler_names().front());
  EXPECT_EQ(scheduler_names().front(), "fifo");
}

TEST(Scheduler, NamesTheNearestAlgorithmWhenItIsUnknown) {
  try {
    make_scheduler({.algorithm = "fifi"}, {});
    FAIL() << "expected InvalidInput";
  } catch (const InvalidInput& error) {
    EXPECT_NE(std::string(error.what()).find("'fifo'"), std::string::npos) << error.what();
  }
}

TEST(Scheduler, RefusesAPluginThatCannotBeLoadedOrMakesNone) {
  EXPECT_THROW(make_scheduler({.plugin = "/nowhere/lib.so"}, {}), InvalidInput);
  EXPECT_THROW(make_scheduler({.plugin = "libm.so.6"}, {}), InvalidInput);
}

TEST(Scheduler, RefusesOptionsWithoutSense) {
  EXPECT_THROW(make_scheduler({.algorithm = "asha", .eta = 1}, {}), InvalidInput);
  EXPECT_THROW(make_scheduler({.algorithm = "asha", .grace_period = 0}, {}), InvalidInput);
  EXPECT_THROW(make_scheduler({.algorithm = "asha", .brackets = 0}, {}), InvalidInput);
}

TEST(Scheduler, GoesOnWithPausedTrialsWhereAPolicySaysNothing) {
  Story story({.algorithm = "fifo"});
  story.trials(3).end(1, TrialState::Paused);

  EXPECT_EQ(story.resumed(), 1);
  EXPECT_EQ(story.resumed(), -1);
}

TEST(FifoScheduler, StartsNewTrialsAndLetsThemTrainToTheirEnd) {
  Story story({.algorithm = "fifo"});

  EXPECT_EQ(story.choose().kind, Job::Kind::New);
  EXPECT_EQ(story.trials(1).until(0), 0);
  EXPECT_EQ(story.report(0, 1, 5), Answer::Continue);
}

TEST(MaxEpochs, EndEveryTrialThere) {
  Story story({.algorithm = "fifo", .max_epochs = 4});
  story.trials(1);

  EXPECT_EQ(story.until(0), 4);
  EXPECT_EQ(story.report(0, 3, 5), Answer::Continue);
  EXPECT_EQ(story.report(0, 4, 5), Answer::Stop);
}

TEST(AshaPromotion, PromotesOneOfEtaFromEachRungTheHighestFirst) {
  Story story({.algorithm = "asha", .promotion = true});
  story.trials(3);
  EXPECT_EQ(story.until(0), 1);
  EXPECT_EQ(story.report(0, 1, 3), Answer::Pause);
  EXPECT_EQ(story.report(1, 1, 1), Answer::Pause);
  EXPECT_EQ(story.resumed(), -1) << "two results are too few to promote one of three";
  story.report(2, 1, 2);

  EXPECT_EQ(story.until(1), 3);
  EXPECT_EQ(story.resumed(), 1);
  EXPECT_EQ(story.resumed(), -1) << "only one of three, once";

  story.trials(9);
  for (int trial = 3; trial < 9; ++trial) story.report(trial, 1, 0.1 * trial);
  EXPECT_EQ(story.resumed(), 3);
  EXPECT_EQ(story.report(1, 2, 1), Answer::Continue) << "no milestone";
  for (const auto& [trial, value] : std::map<int, double>{{1, 0.8}, {3, 0.9}}) story.report(trial, 3, value);
  EXPECT_EQ(story.resumed(), 4);
  story.report(4, 3, 0.7);
  EXPECT_EQ(story.resumed(), 4) << "the best of three in the rung at epoch 3, before any of the rung below";
  EXPECT_EQ(story.until(4), 0) << "to its end";
}

TEST(AshaPromotion, PromotesOnResultsThatMakeAnOldOneGood) {
  Story story({.algorithm = "asha", .promotion = true});
  story.trials(6);
  for (const auto& [trial, value] : std::map<int, double>{{0, 1}, {1, 2}, {2, 3}})
    story.report(trial, 1, value);
  EXPECT_EQ(story.resumed(), 0);

  for (int trial : {3, 4, 5}) story.report(trial, 1, 9);

  EXPECT_EQ(story.resumed(), 1) << "second of six";
}

TEST(AshaPromotion, CountsFailuresAsWorst) {
  Story story({.algorithm = "asha", .promotion = true});
  story.trials(3).report(0, 1, 5);
  story.end(1, TrialState::Failed);
  story.end(2, TrialState::Failed);

  EXPECT_EQ(story.resumed(), 0) << "the best of three";
}

TEST(AshaStopping, GoesOnWithTheBestSoFarAndThenWithOneOfEta) {
  Story story({.algorithm = "asha"});
  story.trials(7);
  EXPECT_EQ(story.until(0), 0);
  EXPECT_EQ(story.report(0, 1, 5), Answer::Continue) << "the first";
  EXPECT_EQ(story.report(1, 1, 6), Answer::Stop) << "not the best of two";
  EXPECT_EQ(story.report(2, 1, 4), Answer::Continue) << "the best of three";
  EXPECT_EQ(story.report(3, 1, 4.5), Answer::Stop) << "one of four";
  EXPECT_EQ(story.report(4, 1, 7), Answer::Stop) << "one of five";
  EXPECT_EQ(story.report(5, 1, 4.5), Answer::Stop) << "two of six, and an older trial has as much";
  EXPECT_EQ(story.report(6, 1, 4.2), Answer::Continue) << "two of seven";
  EXPECT_EQ(story.report(0, 2, 1), Answer::Continue) << "no milestone";
  EXPECT_EQ(story.choose().kind, Job::Kind::New);
}

TEST(AshaStopping, AsksAtEveryMilestoneThatAReportHasPassed) {
  Story story({.algorithm = "asha"});
  story.trials(3);
  story.report(0, 1, 5);
  EXPECT_EQ(story.report(0, 4, 2), Answer::Continue) << "first at epoch 3";
  EXPECT_EQ(story.report(1, 4, 3), Answer::Stop) << "best at epoch 1, but not at epoch 3";
}

TEST(AshaStopping, FollowsTheDirectionAndTheGracePeriod) {
  Story story({.algorithm = "asha", .grace_period = 2}, {9, 0, 1, {}}, true);
  story.trials(2);
  EXPECT_EQ(story.report(0, 1, 0.9), Answer::Continue);
  EXPECT_EQ(story.report(1, 1, 0.1), Answer::Continue) << "not before epoch 2";
  EXPECT_EQ(story.report(1, 2, 0.5), Answer::Continue);
  EXPECT_EQ(story.report(0, 2, 0.4), Answer::Stop);
}

TEST(AsynchronousHyperband, DrawsBracketsWithTheSharesOfHyperband) {
  Story story({.algorithm = "hyperband", .promotion = true, .asynchronous = true}, {200, 0, 1, {}});
  std::map<std::int32_t, int> first_milestones;
  constexpr int count = 4150;
  story.trials(count);
  for (int trial = 0; trial < count; ++trial) ++first_milestones[story.until(trial)];

  const std::map<std::int32_t, int> expected{{1, 2430}, {3, 980}, {9, 410}, {27, 180}, {81, 90}, {0, 60}};
  for (const auto& [milestone, number] : expected)
    EXPECT_NEAR(first_milestones[milestone], number, 4 * std::sqrt(number)) << milestone;
}

TEST(SuccessiveHalving, WaitsForARungToFillBeforeTheBestGoOn) {
  Story story({.algorithm = "sh"}, {9, 9, 1, {}});
  story.trials(9);
  for (int trial = 0; trial < 8; ++trial) EXPECT_EQ(story.report(trial, 1, 10 - trial), Answer::Pause);
  EXPECT_EQ(story.resumed(false), -2) << "trial 8 has not come yet";
  story.report(8, 1, 2.5);

  EXPECT_EQ(story.resumed(false), 8);
  EXPECT_EQ(story.resumed(false), 7);
  EXPECT_EQ(story.until(6), 3);
  EXPECT_EQ(story.resumed(false), 6);
  EXPECT_EQ(story.resumed(false), -2);
  story.report(8, 3, 1);
  story.report(7, 3, 2);
  story.end(6, TrialState::Failed);
  EXPECT_EQ(story.resumed(false), 8) << "one of nine; nobody waits for a trial that has failed";
  EXPECT_EQ(story.until(8), 0);
  EXPECT_EQ(story.resumed(false), -2);
}

TEST(Hyperband, HasBracketsWithFewerAndLongerTrials) {
  Story story({.algorithm = "hyperband"});
  story.trials(18);

  const auto first_milestones = [&](int from, int to, std::int32_t milestone) {
    for (int trial = from; trial < to; ++trial) EXPECT_EQ(story.until(trial), milestone) << trial;
  };
  first_milestones(0, 9, 1);
  first_milestones(9, 14, 3);
  first_milestones(14, 17, 0);
  first_milestones(17, 18, 1);
}

TEST(Hyperband, BeginsTheNextBracketWhileOneWaits) {
  Story story({.algorithm = "hyperband"});
  story.trials(9);
  for (int trial = 0; trial < 8; ++trial) story.report(trial, 1, trial);

  EXPECT_EQ(story.resumed(), -1);
  story.trials(10).report(8, 1, 8);
  EXPECT_EQ(story.resumed(), 0);
}

TEST(Hyperband, MakesDoWithASmallGrid) {
  Story story({.algorithm = "hyperband"});
  story.trials(6);
  for (int trial = 0; trial < 6; ++trial) story.report(trial, 1, 6 - trial);

  EXPECT_EQ(story.resumed(false), 5);
  EXPECT_EQ(story.resumed(false), 4);
  EXPECT_EQ(story.resumed(false), -2);
  story.report(4, 3, 0.1);
  story.report(5, 3, 0.2);
  EXPECT_EQ(story.resumed(false), 4);
}

TEST(MedianScheduler, StopsWhatIsWorseThanTheMedianOfRunningAverages) {
  Story story({.algorithm = "median", .min_samples = 3});
  story.trials(6);
  for (int trial = 0; trial < 3; ++trial) {
    EXPECT_EQ(story.report(trial, 1, trial + 1.0), Answer::Continue) << "fewer than three others";
    EXPECT_EQ(story.report(trial, 2, trial + 3.0), Answer::Continue);
  }
  EXPECT_EQ(story.report(3, 1, 2.5), Answer::Stop) << "the median is 2";
  EXPECT_EQ(story.report(4, 1, 2), Answer::Continue) << "the median of 1, 2, 2.5, 3 is 2.25";
  EXPECT_EQ(story.report(4, 2, 9), Answer::Continue) << "its best 2; averages at epoch 2 are 2, 3, 4";
  EXPECT_EQ(story.report(5, 1, 2), Answer::Continue);
  EXPECT_EQ(story.report(5, 1 + 2, 9), Answer::Continue) << "nobody else has come there";
}

TEST(PatienceScheduler, StopsWhatDoesNotImproveAnyMore) {
  Story story({.algorithm = "patience", .patience = 2, .min_delta = 0.1});
  story.trials(1);
  EXPECT_EQ(story.report(0, 1, 1), Answer::Continue);
  EXPECT_EQ(story.report(0, 2, 0.95), Answer::Continue) << "too little to count";
  EXPECT_EQ(story.report(0, 3, 0.85), Answer::Continue);
  EXPECT_EQ(story.report(0, 4, 0.9), Answer::Continue);
  EXPECT_EQ(story.report(0, 5, 0.8), Answer::Stop);
}

TEST(ThresholdScheduler, StopsWhatIsWorseAfterTheGracePeriod) {
  Story story({.algorithm = "threshold", .grace_period = 2, .threshold = 0.5}, {9, 0, 1, {}}, true);
  story.trials(2);
  EXPECT_EQ(story.report(0, 1, 0.1), Answer::Continue);
  EXPECT_EQ(story.report(0, 2, 0.5), Answer::Continue);
  EXPECT_EQ(story.report(1, 2, 0.49), Answer::Stop);
}

TEST(ThresholdScheduler, StopsWhatIsWorseThanTheIncumbentWasByThen) {
  Story story({.algorithm = "threshold", .min_delta = 0.1, .threshold = search::not_a_number}, {2, 0, 1, {}},
              true);
  story.trials(4);
  EXPECT_EQ(story.report(0, 1, 0.1), Answer::Continue) << "there is none yet";
  EXPECT_EQ(story.report(0, 2, 0.8), Answer::Continue);
  story.end(0, TrialState::Completed);
  EXPECT_EQ(story.report(1, 1, 0.05), Answer::Continue) << "it had 0.1 then";
  EXPECT_EQ(story.report(1, 2, 0.6), Answer::Stop);
  EXPECT_EQ(story.report(2, 1, 0.6), Answer::Continue);
  EXPECT_EQ(story.report(2, 2, 0.9), Answer::Continue);
  story.end(2, TrialState::Completed);
  EXPECT_EQ(story.report(3, 1, 0.4), Answer::Stop) << "the new one had 0.6 then";
}

/// A learning rate and a number of layers.
space::Space network_space() {
  const std::vector<space::Definition> definitions{{"learning_rate", "loguniform(1e-3, 1)", {}},
                                                   {"layers", "int(1, 8)", {}}};
  Problems problems;
  return space::Space::parse(definitions, {}, problems);
}

TEST(PlateauScheduler, LowersAHyperparameterEachTimeTheMetricStalls) {
  Story story({.algorithm = "plateau", .patience = 2, .factor = 0.1}, {30, 0, 1, network_space()});
  story.trials(1);
  EXPECT_EQ(story.report(0, 1, 1), Answer::Continue);
  EXPECT_EQ(story.report(0, 2, 2), Answer::Continue);
  EXPECT_EQ(story.report(0, 3, 1), Answer::Change);
  EXPECT_NEAR(story.decision.config[0], 0.01, 1e-12);
  EXPECT_EQ(story.decision.config[1], 4);
  EXPECT_EQ(story.report(0, 4, 2), Answer::Continue) << "only one epoch since the change";
  EXPECT_EQ(story.report(0, 5, 2), Answer::Change);
  EXPECT_NEAR(story.decision.config[0], 0.001, 1e-12);
  EXPECT_EQ(story.report(0, 6, 0.5), Answer::Continue);
  EXPECT_EQ(story.report(0, 8, 0.6), Answer::Continue) << "the bound of the range has been reached";
}

TEST(PlateauScheduler, RefusesAParameterThatIsNotThere) {
  EXPECT_THROW(make_scheduler({.algorithm = "plateau", .parameter = "rate"}, {30, 0, 1, network_space()}),
               InvalidInput);
}

TEST(PashaScheduler, OpensTheNextRungWhenTheRankingChanges) {
  Story story({.algorithm = "pasha"}, {27, 0, 1, {}});
  story.trials(9);
  for (int trial = 0; trial < 9; ++trial) story.report(trial, 1, trial);
  for (int trial : {0, 1, 2}) EXPECT_EQ(story.resumed(), trial);
  story.report(0, 3, 0.1);
  story.report(1, 3, 0.2);
  story.report(2, 3, 0.3);
  EXPECT_EQ(story.resumed(), -1) << "the ranking of three at epoch 3 is that at epoch 1";

  story.trials(12);
  for (int trial = 9; trial < 12; ++trial) story.report(trial, 1, 2.5);
  EXPECT_EQ(story.resumed(), 9);
  story.report(9, 3, 0.05);
  EXPECT_EQ(story.resumed(), 9) << "the last at epoch 1 is the first at epoch 3";
  EXPECT_EQ(story.until(9), 9);
}

TEST(BanditScheduler, RejectsTheWorstConfigurationInEachPhase) {
  Story story({.algorithm = "bandit"}, {8, 0, 1, {}});
  story.trials(4);
  EXPECT_EQ(story.until(0), 1);
  for (int trial = 0; trial < 4; ++trial) EXPECT_EQ(story.report(trial, 1, 4 - trial), Answer::Pause);

  for (int trial = 0; trial < 4; ++trial) EXPECT_EQ(story.resumed(false), trial);
  EXPECT_EQ(story.resumed(false), -2);
  for (int trial = 0; trial < 4; ++trial) story.report(trial, 4, 4 - trial);  // ceil(2 * 8 / 4)
  for (int trial : {1, 2, 3}) EXPECT_EQ(story.resumed(false), trial) << "trial 0 is the worst";
  EXPECT_EQ(story.until(1), 6);
  story.report(1, 6, 0.1);
  story.report(2, 6, 0.3);
  story.report(3, 6, 0.2);
  for (int trial : {1, 3}) EXPECT_EQ(story.resumed(false), trial) << "trial 2 is the worst by now";
  EXPECT_EQ(story.until(1), 0) << "to its end";
  EXPECT_EQ(story.resumed(false), -2);
}

TEST(BanditScheduler, GoesOnWithTheHighestConfidenceBound) {
  Story story({.algorithm = "bandit", .ucb = true}, {100, 0, 1, {}});
  story.trials(3);
  story.report(0, 1, 0);  // means 1, 0.5 and 0, one pull each: the bounds differ as the means do
  story.report(1, 1, 1);
  story.report(2, 1, 2);

  EXPECT_EQ(story.resumed(false), 0);
  story.report(0, 2, 0);  // 1 + sqrt(2 ln 4 / 2) = 2.18 against 0.5 + sqrt(2 ln 4) = 2.17
  EXPECT_EQ(story.resumed(false), 0);
  story.report(0, 3, 0);  // 1 + sqrt(2 ln 5 / 3) = 2.04 against 2.29
  EXPECT_EQ(story.resumed(false), 1);
}

TEST(PbtScheduler, TheWorstQuarterTakesTheWeightsOfTheBest) {
  Story story({.algorithm = "pbt", .interval = 3}, {9, 4, 1, network_space()});
  story.trials(4);
  EXPECT_EQ(story.until(0), 3);
  EXPECT_EQ(story.report(0, 2, 9), Answer::Continue);
  EXPECT_EQ(story.report(0, 3, 1), Answer::Pause) << "nobody to be compared with";
  EXPECT_EQ(story.report(1, 3, 2), Answer::Pause);
  EXPECT_EQ(story.report(2, 3, 3), Answer::Pause);
  EXPECT_EQ(story.report(3, 3, 4), Answer::Restart);
  EXPECT_EQ(story.decision.donor, TrialId{0});
  EXPECT_NE(story.decision.config[0], 0.1) << "explored";
  EXPECT_EQ(story.decision.config[1], 4) << "a whole number is not";
  EXPECT_EQ(story.until(3), 6);

  EXPECT_EQ(story.resumed(false), 0);
  EXPECT_EQ(story.report(0, 6, 5), Answer::Pause);
  EXPECT_EQ(story.resumed(false), 1) << "the farthest behind";
}

TEST(PbtScheduler, GoesOnFromWhereTheDonorIs) {
  Story story({.algorithm = "pbt", .interval = 2}, {20, 4, 1, network_space()});
  story.trials(4);
  for (int trial : {0, 1, 2}) story.report(trial, 2, trial);
  ASSERT_EQ(story.resumed(false), 0);
  story.report(0, 4, 0);
  ASSERT_EQ(story.resumed(false), 1);
  EXPECT_EQ(story.report(3, 2, 9), Answer::Restart);
  EXPECT_EQ(story.decision.donor, TrialId{0});
  EXPECT_EQ(story.started_until(3), 6) << "the donor's weights are those of epoch 4";
}

TEST(TimeVaryingProcess, BelievesNearbyAndRecentValues) {
  std::vector<std::vector<double>> points;
  std::vector<double> values;
  for (int i = 0; i < 20; ++i) {
    points.push_back({0.05 * i, 0.1 * (i % 10)});
    values.push_back(i % 10 < 5 ? -1 : 1);
  }
  const TimeVaryingProcess process(points, values, {}), beside(points, values, {{1, 0.75}});

  EXPECT_GT(process.predict({1, 0.8}).mean, 0.3);
  EXPECT_LT(process.predict({1, 0.1}).mean, -0.3);
  EXPECT_GT(process.predict({1, 5}).deviation, 0.9) << "far from everything";
  EXPECT_LT(process.predict({0.9, 0.8}).deviation, 0.5);
  EXPECT_EQ(beside.predict({1, 0.75}).mean, process.predict({1, 0.75}).mean);
  EXPECT_LT(beside.predict({1, 0.75}).deviation, process.predict({1, 0.75}).deviation);
}

/// The last learning rate that a trial of a population takes over, where losses fall faster the nearer the
/// rate is to 0.1.
double explored_rate(const std::string& algorithm, std::uint64_t seed) {
  Problems problems;
  const std::vector<space::Definition> definitions{{"learning_rate", "loguniform(1e-3, 1)", {}}};
  const auto scheduler = make_scheduler({.algorithm = algorithm, .interval = 1},
                                        {30, 8, seed, space::Space::parse(definitions, {}, problems)});
  search::History history;
  const std::vector<double> exponents{-1.4, -0.6, -1.8, -0.3, -2.1, -2.4, -2.7, -3};  // the worst report last
  std::vector<double> losses(8, 10.0);
  for (int id = 0; id < 8; ++id) {
    search::TrialCreated created;
    created.trial = TrialId{id};
    created.config = {std::pow(10, exponents[static_cast<std::size_t>(id)])};
    history.record(created);
    search::TrialStarted started;
    started.trial = created.trial;
    started.until_epoch = 1;
    history.record(started);
  }
  double last = 0;
  for (std::int32_t epoch = 1; epoch < 12; ++epoch)
    for (int id = 0; id < 8; ++id) {
      const TrialId trial{id};
      losses[static_cast<std::size_t>(id)] -= 1 / (1 + std::abs(std::log10(history[trial].config[0]) + 1));
      search::TrialReported report;
      report.trial = trial;
      report.epoch = epoch;
      report.value = losses[static_cast<std::size_t>(id)];
      history.record(report);
      const Decision decision = scheduler->on_result(history, report);
      search::TrialEnded paused;
      paused.trial = trial;
      paused.state = TrialState::Paused;
      history.record(paused);
      if (decision.answer == Answer::Restart) {
        last = decision.config[0];
        losses[static_cast<std::size_t>(id)] = losses[static_cast<std::size_t>(decision.donor.value)];
        history.record(search::TrialChanged{trial, epoch, decision.donor, 0, decision.config});
      }
      search::TrialStarted started;
      started.trial = trial;
      started.until_epoch = epoch + 1;
      history.record(started);
    }
  return last;
}

TEST(Pb2Scheduler, LearnsWhichHyperparametersGainMost) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    EXPECT_NEAR(std::log10(explored_rate("pb2", seed)), -1, 0.5) << seed;
    EXPECT_EQ(explored_rate("pb2", seed), explored_rate("pb2", seed));
  }
}

TEST(ReplayScheduler, GivesEveryTrialTheSchedule) {
  Story story({.algorithm = "replay", .schedule = "2: learning_rate=0.01 layers=5; 4: learning_rate=0.002"},
              {9, 0, 1, network_space()});
  story.trials(1);
  EXPECT_EQ(story.until(0), 2);
  EXPECT_EQ(story.report(0, 1, 1), Answer::Continue);
  EXPECT_EQ(story.report(0, 2, 1), Answer::Change);
  EXPECT_EQ(story.decision.config, (search::Config{0.01, 5}));
  EXPECT_EQ(story.started_until(0), 4);
  EXPECT_EQ(story.report(0, 4, 1), Answer::Change);
  EXPECT_EQ(story.decision.config, (search::Config{0.002, 5}));
  EXPECT_EQ(story.started_until(0), 0);
}

TEST(ReplayScheduler, RefusesASchedule) {
  for (const std::string schedule : {"", "learning_rate=0.1", "0: learning_rate=0.1", "3: rate=0.1",
                                     "3: learning_rate", "3: learning_rate=7", "3: layers=1.5"})
    EXPECT_THROW(make_scheduler({.algorithm = "replay", .schedule = schedule}, {9, 0, 1, network_space()}),
                 InvalidInput)
        << schedule;
}

}  // namespace
}  // namespace regatta::schedule
