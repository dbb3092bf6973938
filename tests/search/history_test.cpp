#include "regatta/search/history.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

TrialCreated created(std::int32_t id, Config config = {}) {
  TrialCreated event;
  event.trial = TrialId{id};
  event.config = std::move(config);
  event.time = 100 + id;
  return event;
}

TrialStarted started(std::int32_t id, double time = 200) {
  TrialStarted event;
  event.trial = TrialId{id};
  event.worker = WorkerId{3};
  event.lane = 1;
  event.time = time;
  return event;
}

TrialReported reported(std::int32_t id, std::int32_t epoch, double value) {
  TrialReported event;
  event.trial = TrialId{id};
  event.epoch = epoch;
  event.value = value;
  return event;
}

TrialEnded ended(std::int32_t id, TrialState state, double objective = not_a_number) {
  TrialEnded event;
  event.trial = TrialId{id};
  event.state = state;
  event.objective = objective;
  event.seconds = 2;
  event.time = 300;
  return event;
}

/// A history of `n` running trials.
History running(int n, bool maximize = false) {
  History history(maximize);
  for (int i = 0; i < n; ++i) {
    history.record(created(i, {static_cast<double>(i)}));
    history.record(started(i));
  }
  return history;
}

TEST(History, FollowsATrialFromTheQueueToItsEnd) {
  History history;
  history.record(created(0, {1, not_a_number}));
  EXPECT_EQ(history.count(TrialState::Queued), 1u);
  EXPECT_EQ(history.unfinished().size(), 1u);

  history.record(started(0));
  history.record(reported(0, 1, 0.9));
  history.record(reported(0, 2, 0.7));
  EXPECT_EQ(history.count(TrialState::Running), 1u);
  EXPECT_EQ(history[TrialId{0}].epochs, 2);
  EXPECT_EQ(history[TrialId{0}].objective, 0.7);
  EXPECT_FALSE(history.incumbent());

  history.record(ended(0, TrialState::Completed, 0.6));
  const Trial& trial = history[TrialId{0}];
  EXPECT_EQ(trial.state, TrialState::Completed);
  EXPECT_EQ(trial.objective, 0.6);
  EXPECT_EQ(trial.worker, WorkerId{3});
  EXPECT_EQ(trial.t_queued, 100);
  EXPECT_EQ(trial.t_start, 200);
  EXPECT_EQ(trial.t_end, 300);
  EXPECT_EQ(history.incumbent(), TrialId{0});
  EXPECT_TRUE(history.unfinished().empty());
  EXPECT_EQ(history.events(), 5u);
}

TEST(History, AddsUpAttemptsAndSecondsOverAPause) {
  History history = running(1);
  history.record(reported(0, 3, 0.5));
  history.record(ended(0, TrialState::Paused));
  EXPECT_EQ(history[TrialId{0}].objective, 0.5);
  EXPECT_TRUE(std::isnan(history[TrialId{0}].t_end));
  EXPECT_EQ(history.count(TrialState::Paused), 1u);
  EXPECT_EQ(history.unfinished().size(), 1u);

  history.record(started(0, 250));
  history.record(ended(0, TrialState::Completed));

  EXPECT_EQ(history[TrialId{0}].attempt, 2);
  EXPECT_EQ(history[TrialId{0}].seconds, 4);
  EXPECT_EQ(history[TrialId{0}].t_start, 200);
  EXPECT_EQ(history[TrialId{0}].objective, 0.5);
}

TEST(History, PutsARequeuedTrialBackIntoTheQueue) {
  History history = running(1);

  history.record(TrialRequeued{TrialId{0}, 250});

  EXPECT_EQ(history[TrialId{0}].state, TrialState::Queued);
  EXPECT_EQ(history.count(TrialState::Running), 0u);
}

TEST(History, KeepsTheBestOfCompletedAndStoppedTrials) {
  History history = running(5);

  history.record(ended(4, TrialState::Completed, 0.3));
  EXPECT_EQ(history.incumbent(), TrialId{4});
  history.record(ended(0, TrialState::Failed, 0.1));
  EXPECT_EQ(history.incumbent(), TrialId{4});
  history.record(ended(1, TrialState::Stopped, 0.2));
  EXPECT_EQ(history.incumbent(), TrialId{1});
  history.record(ended(2, TrialState::Completed, not_a_number));
  EXPECT_EQ(history.incumbent(), TrialId{1});
}

TEST(History, PrefersTheLowerNumberAmongEqualObjectives) {
  History history = running(2);

  history.record(ended(1, TrialState::Completed, 0.3));
  history.record(ended(0, TrialState::Completed, 0.3));

  EXPECT_EQ(history.incumbent(), TrialId{0});
}

TEST(History, LooksForTheLargestValueWhenItMaximizes) {
  History history = running(2, true);

  history.record(ended(0, TrialState::Completed, 0.3));
  history.record(ended(1, TrialState::Completed, 0.4));

  EXPECT_EQ(history.incumbent(), TrialId{1});
  EXPECT_TRUE(history.better(0.4, 0.3));
  EXPECT_TRUE(history.better(-1e9, not_a_number));
  EXPECT_FALSE(history.better(not_a_number, not_a_number));
}

TEST(History, FindsAConfigurationWithInactiveEntries) {
  History history;
  history.record(created(0, {0.0, not_a_number}));

  EXPECT_TRUE(history.contains({0.0, not_a_number}));
  EXPECT_TRUE(history.contains({-0.0, not_a_number}));
  EXPECT_FALSE(history.contains({0.0, 0.0}));
  EXPECT_FALSE(history.contains({0.0}));
  EXPECT_FALSE(history.contains({0.0, not_a_number, 0.0}));
}

TEST(History, FindsConfigurationsThatATrialHasNoMore) {
  History history = running(1);
  const Config first = history[TrialId{0}].config;
  history.record(ended(0, TrialState::Paused));

  history.record(TrialChanged{TrialId{0}, 1, TrialId{0}, 0, {5}});
  history.record(TrialChanged{TrialId{0}, 1, TrialId{0}, 0, {6}});
  history.record(TrialChanged{TrialId{0}, 1, TrialId{0}, 0, first});

  for (const Config& config : {first, Config{5}, Config{6}}) EXPECT_TRUE(history.contains(config));
  EXPECT_FALSE(history.contains({7}));
  EXPECT_EQ(history.distinct(), 3u);
}

TEST(History, KeepsAllReportsInTheirOrder) {
  History history = running(2);

  history.record(reported(1, 1, 0.5));
  history.record(reported(0, 1, 0.25));
  history.record(reported(1, 2, not_a_number));

  ASSERT_EQ(history.reports().size(), 3u);
  EXPECT_EQ(history.reports()[0].trial, TrialId{1});
  EXPECT_EQ(history.reports()[1].value, 0.25);
  EXPECT_EQ(history.reports()[2].epoch, 2);
}

TEST(History, KnowsWhoseWeightsATrialTakesNext) {
  History history = running(2);
  EXPECT_EQ(history[TrialId{0}].weights, TrialId{0});
  EXPECT_THROW(history.record(TrialChanged{TrialId{0}, 2, TrialId{1}, 0, {5}}), InvalidInput)
      << "it is running";
  history.record(ended(0, TrialState::Paused));

  history.record(TrialChanged{TrialId{0}, 2, TrialId{1}, 0, {5}});

  const Trial& trial = history[TrialId{0}];
  EXPECT_EQ(trial.weights, TrialId{1});
  EXPECT_EQ(trial.parent, TrialId{1});
  EXPECT_EQ(trial.changed_epoch, 2);
  EXPECT_EQ(trial.config, Config{5});
  EXPECT_TRUE(history.contains({5}));
  history.record(started(0));
  EXPECT_EQ(history[TrialId{0}].weights, TrialId{0});
}

TEST(History, FindsTheLatestNoteOfAKey) {
  History history;
  history.record(Note{"gp", {1}});
  history.record(Note{"other", {2}});
  history.record(Note{"gp", {3}});

  ASSERT_NE(history.note("gp"), nullptr);
  EXPECT_EQ(history.note("gp")->values, std::vector<double>{3});
  EXPECT_EQ(history.note("nothing"), nullptr);
}

TEST(History, CountsEventsThatConcernNoTrial) {
  History history;
  history.record(JobStarted{});
  history.record(WorkerJoined{});
  history.record(JobEnded{});

  EXPECT_EQ(history.events(), 3u);
  EXPECT_TRUE(history.trials().empty());
}

TEST(History, RejectsEventsThatCannotFollow) {
  History history = running(1);

  EXPECT_THROW(history.record(created(2)), InvalidInput);
  EXPECT_THROW(history.record(started(1)), InvalidInput);
  EXPECT_THROW(history.record(reported(-1, 1, 0)), InvalidInput);
  EXPECT_THROW(history.record(ended(0, TrialState::Running)), InvalidInput);
  history.record(ended(0, TrialState::Cancelled));
  EXPECT_THROW(history.record(reported(0, 1, 0)), InvalidInput);
  EXPECT_THROW(history[TrialId{7}], InvalidInput);
  EXPECT_EQ(history.events(), 3u);
}

TEST(Trial, HasNamesForItsCodes) {
  EXPECT_EQ(name_of(TrialState::Queued), "queued");
  EXPECT_EQ(name_of(TrialState::Cancelled), "cancelled");
  EXPECT_EQ(name_of(Reason::OutOfMemory), "oom");
  EXPECT_EQ(name_of(Reason::Invalid), "invalid");
  EXPECT_EQ(name_of(Origin::User), "user");
  EXPECT_EQ(name_of(static_cast<TrialState>(99)), "unknown");
}

}  // namespace
}  // namespace regatta::search
