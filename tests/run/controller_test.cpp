#include "regatta/run/controller.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "regatta/core/error.hpp"
#include "regatta/log/study_reader.hpp"
#include "run/team_slots.hpp"

namespace regatta::run {
namespace {

using search::Config;
using search::Reason;
using search::TrialState;

/// Proposes 0, 1, 2, ... up to `count`; `hungry` makes it slow for one call.
class Numbers final : public ProposalSource {
 public:
  explicit Numbers(int count) : count_(count) {}
  std::optional<Proposal> take() override {
    if (hungry || next_ >= count_) return std::nullopt;
    return Proposal{{static_cast<double>(next_++)}, seen, promised};
  }
  bool exhausted() const override { return next_ >= count_; }
  std::string exhausted_reason() const override { return "no number left"; }
  void pace(double trial_seconds) override { told_seconds = trial_seconds; }
  void observe(std::span<const search::Event> events) override { seen += events.size(); }

  bool learns() const override { return learning; }

  bool hungry = false;
  bool learning = true;
  std::uint64_t seen = 0;
  std::optional<double> promised;
  double told_seconds = 0;

 private:
  int count_;
  int next_ = 0;
};

/// Writes down what the controller does, in order.
class Notebook final : public Effects {
 public:
  void log(std::span<const search::Event> events) override {
    logged.insert(logged.end(), events.begin(), events.end());
    for (const auto& event : events)
      if (const auto* started = std::get_if<search::TrialStarted>(&event)) started_in_log.insert(started->trial);
  }
  void send(WorkerId to, const Assign& message) override {
    EXPECT_TRUE(started_in_log.contains(message.trial)) << "sent before it was logged";
    assigned.emplace_back(to, message);
  }
  void send(WorkerId to, const Cancel& message) override { cancelled.emplace_back(to, message); }
  void send(WorkerId to, const Hand& message) override {
    for (const auto& [worker, cancel] : cancelled)
      EXPECT_FALSE(cancel.trial == message.weights && cancel.state == TrialState::Stopped) << "they are gone";
    handed.emplace_back(to, message);
  }
  void send(WorkerId to, const Checkpoint& message) override { saved.emplace_back(to, message); }

  std::vector<search::Event> logged;
  std::set<TrialId> started_in_log;
  std::vector<std::pair<WorkerId, Assign>> assigned;
  std::vector<std::pair<WorkerId, Cancel>> cancelled;
  std::vector<std::pair<WorkerId, Hand>> handed;
  std::vector<std::pair<WorkerId, Checkpoint>> saved;
};

class ControllerTest : public testing::Test {
 protected:
  static constexpr WorkerId first{0}, second{1};

  void build(std::int64_t trials, int proposals = 1000, std::int32_t prefetch = 0, std::int32_t batch = 1) {
    source = std::make_unique<Numbers>(proposals);
    controller = std::make_unique<Controller>(ControllerOptions{trials, 7, false, 2, prefetch, batch},
                                              *source, *scheduler, book);
  }
  void end(WorkerId worker, TrialId trial, double value, TrialState state = TrialState::Completed, double seconds = 1) {
    Report report;
    report.trial = trial;
    report.epoch = 1;
    report.state = state;
    report.value = value;
    report.seconds = seconds;
    controller->receive(worker, report, ++now);
    controller->step(now);
  }

  WorkerId history_worker(TrialId trial) const { return controller->history()[trial].worker; }

  /// The trial that the worker was given last.
  TrialId running_on(WorkerId worker) const {
    TrialId trial;
    for (const auto& [to, assign] : book.assigned)
      if (to == worker) trial = assign.trial;
    return trial;
  }

  double now = 0;
  Notebook book;
  std::unique_ptr<Numbers> source;
  std::unique_ptr<schedule::Scheduler> scheduler = schedule::make_scheduler({}, {});
  std::unique_ptr<Controller> controller;
};

TEST_F(ControllerTest, GivesEveryWorkerATrialAndLogsItFirst) {
  build(10);

  controller->step(now);

  ASSERT_EQ(book.assigned.size(), 2u);
  EXPECT_EQ(book.assigned[0].second.trial, TrialId{0});
  EXPECT_NE(book.assigned[0].first, book.assigned[1].first);
  EXPECT_NE(book.assigned[0].second.seed, book.assigned[1].second.seed);
  EXPECT_EQ(controller->history().count(TrialState::Running), 2u);
}

TEST_F(ControllerTest, RefillsASlotAsSoonAsItIsFree) {
  build(10);
  controller->step(now);

  end(second, TrialId{1}, 0.5);

  ASSERT_EQ(book.assigned.size(), 3u);
  EXPECT_EQ(book.assigned[2].first, second);
  EXPECT_EQ(controller->history()[TrialId{1}].objective, 0.5);
}

TEST_F(ControllerTest, SpendsItsBudgetExactly) {
  build(5);
  controller->step(now);
  for (int trial = 0; trial < 5; ++trial) {
    EXPECT_FALSE(controller->finished());
    end(book.assigned[static_cast<std::size_t>(trial)].first, TrialId{trial}, trial);
  }

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->reason(), "budget spent");
  EXPECT_EQ(controller->history().trials().size(), 5u);
  EXPECT_EQ(controller->history().incumbent(), TrialId{0});
}

TEST_F(ControllerTest, EndsWithTheReasonOfTheSearcherWhenNothingIsLeftToTry) {
  build(0, 3);
  controller->step(now);
  for (int trial = 0; trial < 3; ++trial) end(book.assigned[static_cast<std::size_t>(trial)].first, TrialId{trial}, 1);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->reason(), "no number left");
}

TEST_F(ControllerTest, LeavesASlotFreeUntilAProposalIsReady) {
  build(10);
  source->hungry = true;
  controller->step(now);
  EXPECT_TRUE(book.assigned.empty());
  EXPECT_FALSE(controller->finished());
  EXPECT_TRUE(controller->waits_for_proposal());

  source->hungry = false;
  controller->step(now);

  EXPECT_EQ(book.assigned.size(), 2u);
  EXPECT_FALSE(controller->waits_for_proposal());
}

TEST_F(ControllerTest, LogsWhatAProposalPromisesAfterTheTrialsCreation) {
  build(10);
  source->promised = 0.25;

  controller->step(now);

  ASSERT_GE(book.logged.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<search::TrialCreated>(book.logged[0]));
  const auto& note = std::get<search::Note>(book.logged[1]);
  EXPECT_EQ(note.key, "search/gain");
  EXPECT_EQ(note.values, (std::vector<double>{0, 0.25}));
}

TEST_F(ControllerTest, LogsOnceHowAWorkerAddsUpGradients) {
  build(10);
  controller->step(now);
  const auto report = [&](std::int32_t epoch, objective::Sums sums) {
    Report message;
    message.trial = running_on(first);
    message.epoch = epoch;
    message.sums = sums;
    controller->receive(first, message, ++now);
    controller->step(now);
  };

  report(1, objective::Sums::None);
  EXPECT_EQ(controller->history().note(log::Study::sums_note), nullptr);
  report(2, objective::Sums::InMemory);
  report(3, objective::Sums::InMemory);

  const auto is_note = [](const search::Event& event) {
    const auto* note = std::get_if<search::Note>(&event);
    return note && note->key == log::Study::sums_note && note->values == std::vector<double>{0, 2};
  };
  EXPECT_EQ(std::ranges::count_if(book.logged, is_note), 1);
}

TEST_F(ControllerTest, TellsTheSourceOfProposalsHowLongTrialsTake) {
  build(10);
  controller->step(now);

  end(first, TrialId{0}, 1, TrialState::Completed, 8);

  EXPECT_EQ(source->told_seconds, 8);
}

TEST_F(ControllerTest, TriesTheUsersConfigurationsFirstAndNeverTwice) {
  build(4);
  source->seen = 0;
  controller->enqueue({{42}, {1}});

  controller->step(now);
  end(first, TrialId{0}, 1);
  end(second, TrialId{1}, 1);

  const auto& trials = controller->history().trials();
  ASSERT_EQ(trials.size(), 4u);
  EXPECT_EQ(trials[0].config, Config{42});
  EXPECT_EQ(trials[0].origin, search::Origin::User);
  EXPECT_EQ(trials[1].config, Config{1});
  EXPECT_EQ(trials[2].config, Config{0});
  EXPECT_EQ(trials[2].origin, search::Origin::Searcher);
}

TEST_F(ControllerTest, DropsAProposalThatAUsersTrialHasOvertaken) {
  class Stale final : public ProposalSource {
   public:
    std::optional<Proposal> take() override { return Proposal{{static_cast<double>(next++)}, 0}; }
    bool exhausted() const override { return false; }
    void observe(std::span<const search::Event>) override {}
    int next = 0;
  } stale;
  Controller one({3, 7, false, 2, 0}, stale, *scheduler, book);
  one.enqueue({{0}});

  one.step(now);

  ASSERT_EQ(one.history().trials().size(), 2u);
  EXPECT_EQ(one.history().trials()[1].config, Config{1});
}

TEST_F(ControllerTest, RunsTheUsersTrialsBeyondTheBudget) {
  build(1);
  controller->enqueue({{5}, {6}, {7}});
  controller->step(now);
  end(first, TrialId{0}, 1);
  end(second, TrialId{1}, 1);
  end(first, TrialId{2}, 1);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->history().trials().size(), 3u);
}

TEST_F(ControllerTest, CountsAFailedTrialAsAResult) {
  build(2);
  controller->step(now);

  Report report;
  report.trial = TrialId{0};
  report.state = TrialState::Failed;
  report.reason = Reason::Diverged;
  report.value = 3;
  report.message = "the loss is nan";
  controller->receive(first, report, 1);
  end(second, TrialId{1}, 2.0);

  const search::Trial& failed = controller->history()[TrialId{0}];
  EXPECT_EQ(failed.state, TrialState::Failed);
  EXPECT_EQ(failed.reason, Reason::Diverged);
  EXPECT_EQ(failed.message, "the loss is nan");
  EXPECT_EQ(controller->history().incumbent(), TrialId{1});
  EXPECT_TRUE(controller->finished());
}

/// Three trials on one worker, of which the given one (or none) gives a value, under max_failures = 2.
std::string reason_after(Controller& controller, std::int32_t good) {
  for (std::int32_t trial = 0; trial < 3 && !controller.finished(); ++trial) {
    Report report;
    report.trial = TrialId{trial};
    report.state = trial == good ? TrialState::Completed : TrialState::Failed;
    report.value = 1;
    report.message = "no such module";
    controller.receive(WorkerId{0}, report, trial + 1);
    controller.step(trial + 1);
  }
  return controller.reason();
}

TEST_F(ControllerTest, EndsAStudyWhoseFirstTrialsHaveAllFailed) {
  for (const std::int32_t good : {-1, 0, 1, 2}) {
    source = std::make_unique<Numbers>(1000);
    ControllerOptions options{100, 7, false, 1, 0};
    options.max_failures = 2;
    controller = std::make_unique<Controller>(options, *source, *scheduler, book);
    controller->step(0);

    const bool ended = good == -1 || good == 2;
    EXPECT_EQ(reason_after(*controller, good),
              ended ? "the first 2 trials have all failed: no such module" : "")
        << good;
    EXPECT_EQ(controller->finished(), ended) << good;
    EXPECT_FALSE(controller->interrupted());
  }
}

TEST_F(ControllerTest, LetsShortTrialsWaitAtTheirWorkerButNotLongOnes) {
  build(100, 1000, -1);
  controller->step(now);
  for (int turn = 0; turn < 7; ++turn) end(first, running_on(first), 1, TrialState::Completed, 0.0005);
  EXPECT_EQ(controller->in_flight(), 2u) << "the first trials may be short by chance";
  end(first, running_on(first), 1, TrialState::Completed, 0.0005);
  EXPECT_GT(controller->in_flight(), 2u);
  EXPECT_LE(controller->in_flight(), 10u);

  book = {};
  build(100, 1000, -1);
  controller->step(now);
  for (int turn = 0; turn < 9; ++turn) end(first, running_on(first), 1, TrialState::Completed, 1.0);
  EXPECT_EQ(controller->in_flight(), 2u);
}

TEST_F(ControllerTest, CallsRunningTrialsInWhenInterruptedAndQueuesThemAgain) {
  build(10);
  controller->step(now);

  controller->interrupt("wall time");
  ASSERT_EQ(book.cancelled.size(), 2u);
  end(first, TrialId{0}, 1, TrialState::Cancelled);
  end(second, TrialId{1}, 1, TrialState::Completed);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->history()[TrialId{0}].state, TrialState::Queued);
  EXPECT_EQ(controller->history()[TrialId{1}].state, TrialState::Completed);
  EXPECT_EQ(book.assigned.size(), 2u);
}

TEST_F(ControllerTest, TakesAnEarlierJobsUnfinishedTrialsUpAgainFirst) {
  build(3);
  controller->step(now);
  end(first, TrialId{0}, 1);
  const std::vector<search::Event> logged = book.logged;
  book = {};
  build(3);

  controller->restore(logged, now);
  controller->step(now);

  ASSERT_EQ(book.assigned.size(), 2u);
  EXPECT_EQ(book.assigned[0].second.trial, TrialId{1});
  EXPECT_EQ(book.assigned[0].second.attempt, 2);
  EXPECT_EQ(book.assigned[1].second.trial, TrialId{2});
}

TEST_F(ControllerTest, RefusesAReportOfATrialThatTheWorkerDoesNotHold) {
  build(3);
  controller->step(now);

  EXPECT_THROW(end(second, TrialId{0}, 1), InvalidInput);
}

TEST_F(ControllerTest, ProposesABatchAtOnceAndTheNextOneWhenAllOfItAreDone) {
  build(7, 1000, 0, 3);
  controller->step(now);
  ASSERT_EQ(controller->history().trials().size(), 3u);
  ASSERT_EQ(book.assigned.size(), 2u);

  end(first, TrialId{0}, 1);
  EXPECT_EQ(book.assigned.size(), 3u);
  end(second, TrialId{1}, 1);
  EXPECT_EQ(controller->history().trials().size(), 3u);
  end(first, TrialId{2}, 1);

  ASSERT_EQ(controller->history().trials().size(), 6u);
  const auto seen = [&](int trial) { return controller->history()[TrialId{trial}].events_seen; };
  EXPECT_EQ(seen(1), seen(0) + 1);
  EXPECT_EQ(seen(4), seen(3) + 1);
  for (int trial : {3, 4, 5}) end(controller->history()[TrialId{trial}].worker, TrialId{trial}, 1);
  end(first, TrialId{6}, 1);
  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->reason(), "budget spent");
}

TEST_F(ControllerTest, DoesNotHoldTheUsersTrialsBackForABatch) {
  build(10, 1000, 0, 2);
  controller->step(now);
  controller->enqueue({{42}});

  end(first, TrialId{0}, 1);

  ASSERT_EQ(book.assigned.size(), 3u);
  EXPECT_EQ(book.assigned[2].second.config, Config{42});
  end(second, TrialId{1}, 1);
  EXPECT_EQ(controller->history().trials().size(), 5u)
      << "the user's trial runs on while the next batch begins";
}

TEST_F(ControllerTest, BeginsAnEmptyBatchWhenNothingIsLeftToTry) {
  build(0, 3, 0, 2);
  controller->step(now);
  end(first, TrialId{0}, 1);
  end(second, TrialId{1}, 1);
  end(controller->history()[TrialId{2}].worker, TrialId{2}, 1);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->reason(), "no number left");
}

TEST_F(ControllerTest, TakesTheRestOfABatchUpAgain) {
  build(6, 1000, 0, 3);
  controller->step(now);
  const std::vector<search::Event> logged = book.logged;
  book = {};
  build(6, 1000, 0, 3);

  controller->restore(logged, now);
  controller->step(now);
  end(first, TrialId{0}, 1);

  EXPECT_EQ(controller->history().trials().size(), 3u);
  EXPECT_EQ(book.assigned.back().second.trial, TrialId{2});
}

TEST_F(ControllerTest, AsksTheSchedulerAfterEachReport) {
  class StopAtTwo final : public schedule::Scheduler {
   public:
    schedule::Decision on_result(const search::History&, const search::TrialReported& report) override {
      return {report.epoch >= 2 ? schedule::Answer::Stop : schedule::Answer::Continue};
    }
  };
  scheduler = std::make_unique<StopAtTwo>();
  build(10);
  controller->step(now);
  Report report;
  report.trial = TrialId{0};
  for (int epoch : {1, 2}) {
    report.epoch = epoch;
    report.value = epoch;
    controller->receive(first, report, now);
    controller->step(now);
  }

  ASSERT_EQ(book.cancelled.size(), 1u);
  EXPECT_EQ(book.cancelled[0].second.trial, TrialId{0});
  EXPECT_EQ(book.cancelled[0].second.state, TrialState::Stopped);
}

/// Gives prepared answers: by trial and epoch; pauses where it is told to.
class Prepared final : public schedule::Scheduler {
 public:
  schedule::Job choose_trial_to_run(const search::History& history, bool more) override {
    if (waits) return {schedule::Job::Kind::Wait};
    return only_new ? schedule::Job{} : Scheduler::choose_trial_to_run(history, more);
  }
  std::int32_t until_epoch(const search::History&, const search::Trial&) override { return until; }
  schedule::Decision on_result(const search::History&, const search::TrialReported& report) override {
    const auto found = answers.find({report.trial.value, report.epoch});
    return found == answers.end() ? schedule::Decision{} : found->second;
  }

  std::map<std::pair<int, int>, schedule::Decision> answers;
  std::int32_t until = 0;
  bool waits = false;     ///< no slot is filled
  bool only_new = false;  ///< no paused trial goes on
};

class AnswersTest : public ControllerTest {
 protected:
  AnswersTest() {
    auto made = std::make_unique<Prepared>();
    prepared = made.get();
    scheduler = std::move(made);
  }
  void report(WorkerId worker, int trial, std::int32_t epoch, TrialState state = TrialState::Running,
              double value = 1) {
    Report report;
    report.trial = TrialId{trial};
    report.epoch = epoch;
    report.state = state;
    report.value = value;
    controller->receive(worker, report, ++now);
    controller->step(now);
  }
  const search::Trial& trial(int id) const { return controller->history()[TrialId{id}]; }
  template <class Event>
  std::vector<Event> logged() const {
    std::vector<Event> found;
    for (const auto& event : book.logged)
      if (const auto* match = std::get_if<Event>(&event)) found.push_back(*match);
    return found;
  }
  Prepared* prepared;
};

TEST_F(AnswersTest, PauseFreesTheSlotAndTheTrialGoesOnWithItsWorker) {
  prepared->answers[{0, 1}] = {schedule::Answer::Pause};
  build(2);
  controller->step(now);

  report(first, 0, 1);
  ASSERT_EQ(book.cancelled.size(), 1u);
  EXPECT_EQ(book.cancelled[0].second.state, TrialState::Paused);
  report(first, 0, 2, TrialState::Paused);  // it went on to the end of its epoch

  ASSERT_EQ(book.assigned.size(), 3u) << "nothing else is to be done";
  const auto& [worker, assign] = book.assigned[2];
  EXPECT_EQ(worker, first);
  EXPECT_EQ(assign.trial, TrialId{0});
  EXPECT_EQ(assign.weights, TrialId{0});
  EXPECT_FALSE(assign.awaited);
  EXPECT_EQ(logged<search::TrialStarted>().back().from_epoch, 2);
}

TEST_F(AnswersTest, APausedTrialGoesOnWithItsOwnWorkerWhereThatIsFree) {
  prepared->until = 3;
  build(2);
  controller->step(now);
  prepared->waits = true;
  report(second, 1, 3, TrialState::Paused);
  prepared->answers[{0, 1}] = {schedule::Answer::Stop};
  report(first, 0, 1);
  prepared->waits = false;

  report(first, 0, 1, TrialState::Stopped);  // both workers are free, the first has the lower number

  ASSERT_EQ(book.assigned.size(), 3u);
  EXPECT_EQ(book.assigned[2].first, second);
  EXPECT_EQ(book.assigned[2].second.trial, TrialId{1});
  EXPECT_TRUE(book.handed.empty());
}

TEST_F(AnswersTest, APausedTrialIsHandedToAnotherWorkerWhereItsOwnIsBusy) {
  prepared->until = 3;
  prepared->only_new = true;
  build(3);
  controller->step(now);
  report(second, 1, 3, TrialState::Paused);  // trial 2 takes its place
  ASSERT_EQ(book.assigned.size(), 3u);
  prepared->only_new = false;

  report(first, 0, 2, TrialState::Completed);

  ASSERT_EQ(book.assigned.size(), 4u);
  EXPECT_EQ(book.assigned[3].first, first);
  EXPECT_EQ(book.assigned[3].second.trial, TrialId{1});
  EXPECT_TRUE(book.assigned[3].second.awaited);
  ASSERT_EQ(book.handed.size(), 1u);
  EXPECT_EQ(book.handed[0].first, second);
  EXPECT_EQ(book.handed[0].second.weights, TrialId{1});
  EXPECT_EQ(book.handed[0].second.trial, TrialId{1});
  EXPECT_EQ(book.handed[0].second.to, first);
}

TEST_F(AnswersTest, StopAtAPauseEndsTheTrialForGood) {
  prepared->until = 3;
  prepared->answers[{0, 3}] = {schedule::Answer::Stop};
  build(2);
  controller->step(now);

  report(first, 0, 3, TrialState::Paused, 0.5);

  EXPECT_EQ(trial(0).state, TrialState::Stopped);
  EXPECT_EQ(controller->history().incumbent(), TrialId{0});
  ASSERT_EQ(book.cancelled.size(), 1u) << "its worker forgets the weights";
  EXPECT_EQ(book.cancelled[0].second.state, TrialState::Stopped);
}

TEST_F(AnswersTest, CheckpointLetsTheTrialTrainOn) {
  prepared->answers[{0, 1}] = {schedule::Answer::Checkpoint};
  build(2);
  controller->step(now);

  report(first, 0, 1);

  ASSERT_EQ(book.saved.size(), 1u);
  EXPECT_EQ(book.saved[0].first, first);
  EXPECT_EQ(book.saved[0].second.trial, TrialId{0});
  EXPECT_EQ(trial(0).state, TrialState::Running);
  EXPECT_TRUE(book.cancelled.empty());
}

TEST_F(AnswersTest, ChangeGoesOnAtOnceWithOtherHyperparameters) {
  prepared->answers[{0, 1}] = {schedule::Answer::Change, {0.25}};
  build(10);
  controller->step(now);
  report(first, 0, 1);
  EXPECT_EQ(book.cancelled.back().second.state, TrialState::Paused);
  EXPECT_EQ(trial(0).config, Config{0});

  report(first, 0, 2, TrialState::Paused);

  const auto changes = logged<search::TrialChanged>();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].epoch, 2);
  EXPECT_EQ(changes[0].donor, TrialId{0});
  EXPECT_EQ(trial(0).config, Config{0.25});
  ASSERT_EQ(book.assigned.size(), 3u);
  EXPECT_EQ(book.assigned[2].first, first);
  EXPECT_EQ(book.assigned[2].second.config, Config{0.25});
  EXPECT_EQ(book.assigned[2].second.weights, TrialId{0});
  EXPECT_EQ(trial(0).state, TrialState::Running);
}

TEST_F(AnswersTest, RestartTakesTheWeightsOfAnotherTrialFromItsWorker) {
  prepared->until = 2;
  prepared->answers[{0, 2}] = {schedule::Answer::Change, {0}};
  prepared->answers[{1, 2}] = {schedule::Answer::Restart, {0.75}, TrialId{0}};
  build(2);
  controller->step(now);
  report(first, 0, 2, TrialState::Paused);  // goes on, and its weights of epoch 2 are kept

  report(second, 1, 2, TrialState::Paused);

  ASSERT_EQ(book.handed.size(), 1u);
  EXPECT_EQ(book.handed[0].first, first);
  EXPECT_EQ(book.handed[0].second.weights, TrialId{0});
  EXPECT_EQ(book.handed[0].second.trial, TrialId{1});
  EXPECT_EQ(book.handed[0].second.to, second);
  const Assign& assign = book.assigned.back().second;
  EXPECT_EQ(assign.trial, TrialId{1});
  EXPECT_EQ(assign.weights, TrialId{0});
  EXPECT_TRUE(assign.awaited);
  EXPECT_EQ(assign.config, Config{0.75});
  EXPECT_EQ(trial(1).parent, TrialId{0});
}

class EndingDonorTest : public AnswersTest {
 protected:
  /// Trial 1 is to start from trial 0, which ends before it has started.
  void end_donor() {
    prepared->until = 2;
    prepared->answers[{0, 2}] = {schedule::Answer::Change, {0}};
    prepared->answers[{1, 2}] = {schedule::Answer::Restart, {0.75}, TrialId{0}};
    build(2);
    controller->step(now);
    report(first, 0, 2, TrialState::Paused);
    controller->receive(second, Report{TrialId{1}, 2, TrialState::Paused, Reason::None, 1}, ++now);
    controller->receive(first, Report{TrialId{0}, 3, TrialState::Completed, Reason::None, 1}, ++now);
  }
};

TEST_F(EndingDonorTest, IsLetGoOnceItsWeightsAreTaken) {
  end_donor();
  EXPECT_TRUE(book.cancelled.empty());

  controller->step(++now);

  ASSERT_EQ(book.handed.size(), 1u);
  EXPECT_EQ(book.handed[0].first, first);
  EXPECT_EQ(book.handed[0].second.weights, TrialId{0});
  EXPECT_EQ(trial(1).parent, TrialId{0});
  ASSERT_EQ(book.cancelled.size(), 1u);
  EXPECT_EQ(book.cancelled[0].first, first);
  EXPECT_EQ(book.cancelled[0].second.trial, TrialId{0});
  EXPECT_EQ(book.cancelled[0].second.state, TrialState::Stopped);

  report(second, 1, 3, TrialState::Completed);
  ASSERT_EQ(book.cancelled.size(), 2u) << "nobody waits for the weights of trial 1";
  EXPECT_EQ(book.cancelled[1].first, second);
  EXPECT_EQ(book.cancelled[1].second.trial, TrialId{1});
}

TEST_F(EndingDonorTest, StaysForALaterJob) {
  end_donor();
  controller->interrupt("signal 15");
  controller->step(++now);
  ASSERT_TRUE(controller->finished());
  EXPECT_TRUE(book.cancelled.empty());
  const std::vector<search::Event> events = book.logged;

  book = {};
  build(2);
  controller->restore(events, now);
  controller->step(now);

  ASSERT_EQ(book.assigned.size(), 1u);
  EXPECT_EQ(book.assigned[0].second.trial, TrialId{1});
  EXPECT_EQ(book.assigned[0].second.weights, TrialId{0});
  EXPECT_FALSE(book.assigned[0].second.awaited) << "to be found in the run directory";
  ASSERT_EQ(book.cancelled.size(), 1u) << "and to be removed from there";
  EXPECT_EQ(book.cancelled[0].first, book.assigned[0].first);
  EXPECT_EQ(book.cancelled[0].second.trial, TrialId{0});
}

TEST_F(AnswersTest, ATrialGoesOnAsItIsWhereNothingIsKeptOfItsDonor) {
  prepared->answers[{1, 1}] = {schedule::Answer::Restart, {0.75}, TrialId{0}};
  build(2);
  controller->step(now);
  const Config before = trial(1).config;
  report(second, 1, 1);
  report(first, 0, 1, TrialState::Completed);

  report(second, 1, 2, TrialState::Paused);

  EXPECT_TRUE(logged<search::TrialChanged>().empty());
  EXPECT_EQ(book.assigned.back().second.trial, TrialId{1});
  EXPECT_EQ(book.assigned.back().second.weights, TrialId{1});
  EXPECT_EQ(book.assigned.back().second.config, before);
}

TEST_F(AnswersTest, ATrialGoesOnAsItIsWhereItsDonorWaitsForAChange) {
  prepared->until = 2;
  prepared->answers[{0, 2}] = {schedule::Answer::Change, {0.25}};
  prepared->answers[{1, 2}] = {schedule::Answer::Restart, {0.5}, TrialId{0}};
  build(2);
  controller->step(now);
  controller->receive(first, Report{TrialId{0}, 2, TrialState::Paused, Reason::None, 1}, ++now);
  controller->receive(second, Report{TrialId{1}, 2, TrialState::Paused, Reason::None, 1}, ++now);

  controller->step(++now);

  ASSERT_EQ(logged<search::TrialChanged>().size(), 1u);
  EXPECT_EQ(logged<search::TrialChanged>()[0].trial, TrialId{0});
  EXPECT_EQ(trial(1).state, TrialState::Running);
  EXPECT_FALSE(trial(1).parent.valid());
}

TEST_F(AnswersTest, RestartWithoutADonorStartsFromFreshWeights) {
  prepared->until = 2;
  prepared->answers[{0, 2}] = {schedule::Answer::Restart, {0.5}};
  build(2);
  controller->step(now);

  report(first, 0, 2, TrialState::Paused);

  EXPECT_EQ(book.assigned.back().second.trial, TrialId{0});
  EXPECT_FALSE(book.assigned.back().second.weights.valid());
  EXPECT_EQ(logged<search::TrialStarted>().back().from_epoch, 0);
}

TEST_F(AnswersTest, PausedTrialsEndStoppedWithTheStudy) {
  prepared->until = 2;
  build(2);
  controller->step(now);
  prepared->waits = true;
  report(first, 0, 2, TrialState::Paused, 4);
  EXPECT_FALSE(controller->finished());

  report(second, 1, 2, TrialState::Paused, 3);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->reason(), "budget spent");
  EXPECT_EQ(controller->history().count(TrialState::Stopped), 2u);
  EXPECT_EQ(controller->history().incumbent(), TrialId{1});
  EXPECT_EQ(book.cancelled.size(), 2u);
}

TEST_F(AnswersTest, StartsNothingThatWouldOutlastTheDeadline) {
  source = std::make_unique<Numbers>(1000);
  ControllerOptions options{10, 7, false, 2, 0};
  options.deadline = 100;
  controller = std::make_unique<Controller>(options, *source, *scheduler, book);
  prepared->until = 2;
  controller->step(now);
  now = 40;
  end(first, TrialId{0}, 1, TrialState::Completed, 41);
  EXPECT_EQ(book.assigned.size(), 3u) << "82 s are early enough";
  now = 60;
  end(second, TrialId{1}, 1, TrialState::Paused, 41);
  EXPECT_EQ(book.assigned.size(), 3u) << "102 s are too late";
  EXPECT_FALSE(controller->finished());
  end(first, TrialId{2}, 1, TrialState::Completed, 41);

  EXPECT_TRUE(controller->finished());
  EXPECT_TRUE(controller->interrupted()) << "a later job goes on";
  EXPECT_EQ(controller->reason(), "wall time");
  EXPECT_EQ(trial(1).state, TrialState::Paused);
}

TEST_F(AnswersTest, PausedTrialsOutliveAnInterruptedJob) {
  prepared->until = 2;
  prepared->waits = false;
  build(5);
  controller->step(now);
  prepared->waits = true;
  report(first, 0, 2, TrialState::Paused);
  controller->interrupt("signal 15");
  report(second, 1, 1, TrialState::Cancelled);
  const std::vector<search::Event> events = book.logged;
  EXPECT_EQ(trial(0).state, TrialState::Paused);

  book = {};
  prepared->waits = false;
  build(5);
  controller->restore(events, now);
  controller->step(now);

  ASSERT_EQ(book.assigned.size(), 2u);
  EXPECT_EQ(book.assigned[0].second.trial, TrialId{1}) << "it was running";
  EXPECT_EQ(book.assigned[1].second.trial, TrialId{0});
  EXPECT_EQ(book.assigned[1].second.weights, TrialId{0}) << "to be found in the run directory";
  EXPECT_FALSE(book.assigned[1].second.awaited);
}

TEST_F(ControllerTest, RunsTheTrialsOfALostWorkerElsewhereAndGoesOnWithItLater) {
  build(4);
  controller->step(now);

  controller->lose(second, ++now);
  controller->step(now);
  EXPECT_EQ(controller->in_flight(), 1u);
  EXPECT_EQ(controller->history()[TrialId{1}].state, TrialState::Queued);
  end(first, TrialId{0}, 1);
  EXPECT_EQ(running_on(first), TrialId{1}) << "the one that was lost comes first";
  controller->rejoin(second);
  controller->step(now);

  EXPECT_EQ(running_on(second), TrialId{2});
  EXPECT_EQ(controller->history()[TrialId{1}].attempt, 2);
}

TEST_F(AnswersTest, ALostWorkerTakesWhatItKeepsOfPausedTrialsWithIt) {
  prepared->until = 3;
  prepared->waits = true;
  build(2);
  prepared->waits = false;
  controller->step(now);
  prepared->waits = true;
  report(second, 1, 3, TrialState::Paused);
  controller->lose(second, ++now);
  prepared->waits = false;

  report(first, 0, 3, TrialState::Completed);

  EXPECT_EQ(running_on(first), TrialId{1});
  EXPECT_TRUE(book.handed.empty()) << "nobody has its weights";
}

TEST_F(ControllerTest, HoldsNoMoreTrialsAtOnceThanAreAllowed) {
  source = std::make_unique<Numbers>(1000);
  ControllerOptions options{100, 7, false, 8, 0};
  options.in_flight = 3;
  controller = std::make_unique<Controller>(options, *source, *scheduler, book);

  controller->step(now);

  EXPECT_EQ(controller->in_flight(), 3u);
}

TEST_F(ControllerTest, LogsEachNumberOfTrialsAtOnceThatItTries) {
  source = std::make_unique<Numbers>(1000);
  ControllerOptions options{100, 7, false, 4, 0};
  options.in_flight = -1;
  controller = std::make_unique<Controller>(options, *source, *scheduler, book);
  controller->step(now);
  EXPECT_EQ(controller->in_flight(), 1u);

  for (int turn = 0; turn < 6; ++turn) end(book.assigned.back().first, book.assigned.back().second.trial, 1);

  EXPECT_EQ(controller->in_flight(), 2u);
  const search::Note* note = controller->history().note(search::in_flight_note);
  ASSERT_NE(note, nullptr);
  EXPECT_EQ(note->values, (std::vector<double>{2, 1, 0}))
      << "a trial a second, and none better than the others";
}

TEST_F(AnswersTest, MovesTheTrialOfASlowWorkerToAFasterOneThatIsFree) {
  source = std::make_unique<Numbers>(1000);
  ControllerOptions options{8, 7, false, 2, 0};
  options.move_stragglers = true;
  controller = std::make_unique<Controller>(options, *source, *scheduler, book);
  controller->step(now);
  for (int turn = 0; turn < 3; ++turn) {
    end(first, running_on(first), 1, TrialState::Completed, 1);
    end(second, running_on(second), 1, TrialState::Completed, 10);
  }
  EXPECT_TRUE(book.cancelled.empty());
  const TrialId slow = running_on(second);
  end(first, running_on(first), 1, TrialState::Completed, 1);

  ASSERT_EQ(book.cancelled.size(), 1u);
  EXPECT_EQ(book.cancelled[0].first, second);
  report(second, slow.value, 1, TrialState::Paused);

  EXPECT_EQ(running_on(first), slow);
  EXPECT_TRUE(book.assigned.back().second.awaited) << "by its checkpoint";
  ASSERT_EQ(book.handed.size(), 1u);
  EXPECT_EQ(book.handed[0].first, second);
}

TEST(Ramp, DoublesWhileTrialsEndFasterAndThenGoesBack) {
  Ramp ramp(16);
  double now = 0;
  std::vector<std::size_t> limits{ramp.limit()};
  for (int trial = 0; trial < 200; ++trial) {
    now += 1 / std::min(4.0, static_cast<double>(ramp.limit()));  // four at once are all that helps
    if (ramp.trial_ended(now, 1)) limits.push_back(ramp.limit());
  }

  EXPECT_EQ(limits, (std::vector<std::size_t>{1, 2, 4, 8, 4}));
}

TEST(Ramp, GoesBackWhereTrialsGainLess) {
  Ramp ramp(64);
  double now = 0;
  std::vector<std::size_t> limits{ramp.limit()};
  for (int trial = 0; trial < 500; ++trial) {
    now += 1.0 / static_cast<double>(ramp.limit());
    const double loss = ramp.limit() > 4 ? 0 : -trial;  // beyond four at once nothing has been learnt of use
    if (ramp.trial_ended(now, loss)) limits.push_back(ramp.limit());
  }

  EXPECT_EQ(limits, (std::vector<std::size_t>{1, 2, 4, 8, 4}));
  EXPECT_NEAR(ramp.throughput(), 8, 1e-9) << "it was not for want of speed";
  EXPECT_EQ(ramp.gain(), 0);
}

TEST(Ramp, EndsAtTheNumberOfWorkers) {
  Ramp ramp(6);
  double now = 0;
  for (int trial = 0; trial < 200; ++trial)
    ramp.trial_ended(now += 1.0 / static_cast<double>(ramp.limit()), 1);

  EXPECT_EQ(ramp.limit(), 6u);
}

TEST(Speeds, LearnsWhichWorkerIsSlow) {
  Speeds speeds;
  EXPECT_EQ(speeds.slowness(WorkerId{3}), 1);
  for (int trial = 0; trial < 20; ++trial) {
    const double work = trial % 2 == 0 ? 1 : 3;
    speeds.take(WorkerId{0}, work);
    speeds.take(WorkerId{1}, 2 * work);
  }

  EXPECT_GT(speeds.slowness(WorkerId{1}) / speeds.slowness(WorkerId{0}), 1.5);
  EXPECT_LT(speeds.slowness(WorkerId{1}) / speeds.slowness(WorkerId{0}), 2.5);
}

TEST_F(ControllerTest, GivesATrialAllTheWorkersThatItTakes) {
  source = std::make_unique<Numbers>(1000);
  ControllerOptions options{10, 7, false, 4};
  options.width = [](const Config& config) { return config[0] == 0 ? 3 : 2; };
  controller = std::make_unique<Controller>(options, *source, *scheduler, book);
  controller->step(now);
  ASSERT_EQ(book.assigned.size(), 1u) << "one worker is left, and all others need two";
  EXPECT_EQ(book.assigned[0].second.team, (std::vector<std::int32_t>{0, 1, 2}));

  end(first, TrialId{0}, 1);

  ASSERT_EQ(book.assigned.size(), 3u);
  EXPECT_EQ(book.assigned[1].second.team, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(book.assigned[2].second.team, (std::vector<std::int32_t>{2, 3}));
}

TEST_F(ControllerTest, QueuesWhatWaitsForWorkersAgainWhenItIsInterrupted) {
  source = std::make_unique<Numbers>(1000);
  ControllerOptions options{10, 7, false, 2};
  options.width = [](const Config&) { return 2; };
  controller = std::make_unique<Controller>(options, *source, *scheduler, book);
  controller->step(now);
  controller->interrupt("signal 10");
  ASSERT_EQ(book.cancelled.size(), 1u) << "the leader's word is enough";
  end(first, TrialId{0}, NAN, TrialState::Cancelled);

  EXPECT_TRUE(controller->finished());
  EXPECT_GT(controller->history().count(TrialState::Queued), 1u);
  EXPECT_EQ(book.assigned.size(), 1u);
}

TEST_F(ControllerTest, LetsTrialsWaitAtWorkersWhereMessagesTakeMuchOfTheirTime) {
  for (const bool learning : {false, true}) {
    build(100, 1000, -1);
    source->learning = learning;
    controller->step(now);
    std::size_t most = 0;
    for (int trial = 0; trial < 99; ++trial) {
      end(history_worker(TrialId{trial}), TrialId{trial}, 1, TrialState::Completed, 0.95);
      most = std::max(most, controller->in_flight());
    }

    EXPECT_EQ(most, learning ? 2u : 4u);
    EXPECT_EQ(controller->in_flight(), 1u) << "none waits at a worker while the other one is idle";
    book = {};
  }
}

/// Teams that grow when nothing else can start, and give workers back.
class ElasticTest : public ControllerTest {
 protected:
  void build(std::int64_t trials, std::int32_t workers, std::vector<std::int32_t> nodes = {}) {
    source = std::make_unique<Numbers>(1000);
    ControllerOptions options{trials, 7, false, workers};
    options.elastic = true;
    options.nodes = std::move(nodes);
    controller = std::make_unique<Controller>(options, *source, *scheduler, book);
    controller->step(now);
  }
  void report(WorkerId worker, TrialId trial, std::int32_t epoch, TrialState state = TrialState::Running) {
    Report message;
    message.trial = trial;
    message.epoch = epoch;
    message.state = state;
    message.value = 1;
    controller->receive(worker, message, ++now);
    controller->step(now);
  }
  /// Workers of the latest assignment.
  std::vector<std::int32_t> team() const { return book.assigned.back().second.team; }
  std::size_t calls_in(TrialId trial) const {
    return static_cast<std::size_t>(std::ranges::count_if(book.cancelled, [&](const auto& order) {
      return order.second.trial == trial && order.second.state == TrialState::Paused;
    }));
  }
};

TEST_F(ElasticTest, LetsWorkersWithoutATrialJoinTheLastOneAfterAnEpoch) {
  build(3, 3);
  ASSERT_EQ(book.assigned.size(), 3u);
  report(first, TrialId{0}, 1);
  EXPECT_TRUE(book.cancelled.empty()) << "everybody has a trial";
  end(second, TrialId{1}, 1);
  EXPECT_EQ(calls_in(TrialId{0}), 1u) << "the other one has not reported yet";
  end(WorkerId{2}, TrialId{2}, 1);
  EXPECT_EQ(calls_in(TrialId{0}), 1u) << "once is enough";

  report(first, TrialId{0}, 2, TrialState::Paused);

  ASSERT_EQ(book.assigned.size(), 4u);
  EXPECT_EQ(book.assigned.back().first, first);
  EXPECT_EQ(team(), (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(book.assigned.back().second.weights, TrialId{0});
  EXPECT_FALSE(book.assigned.back().second.awaited) << "its leader has its weights";
  EXPECT_EQ(controller->history().note(search::team_note)->values, (std::vector<double>{0, 1, 2}));
  report(first, TrialId{0}, 3, TrialState::Completed);
  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->history()[TrialId{0}].epochs, 3);
}

TEST_F(ElasticTest, GivesWorkersBackWhenATrialWaits) {
  build(1, 4);
  EXPECT_EQ(team().size(), 4u) << "nothing else can start";
  controller->enqueue({{50}, {51}});
  controller->step(++now);
  EXPECT_TRUE(book.cancelled.empty()) << "it may not have begun yet";
  report(first, TrialId{0}, 1);
  ASSERT_EQ(calls_in(TrialId{0}), 1u);

  report(first, TrialId{0}, 2, TrialState::Paused);

  ASSERT_EQ(book.assigned.size(), 4u);
  EXPECT_EQ(book.assigned[1].second.team, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(book.assigned[2].first, WorkerId{2});
  EXPECT_EQ(book.assigned[3].first, WorkerId{3});
  report(first, TrialId{0}, 3);
  report(WorkerId{2}, TrialId{1}, 1);
  EXPECT_EQ(book.cancelled.size(), 1u) << "all workers are busy";
}

TEST_F(ElasticTest, LetsATrialEndInPlaceOfJoiningIt) {
  build(2, 2);
  report(second, TrialId{1}, 1);
  end(first, TrialId{0}, 1);
  ASSERT_EQ(calls_in(TrialId{1}), 1u);

  report(second, TrialId{1}, 2, TrialState::Completed);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(book.assigned.size(), 2u);
}

TEST_F(ElasticTest, WaitsForASlowSearcherWithoutRegrouping) {
  build(5, 2);
  report(first, TrialId{0}, 1);
  source->hungry = true;
  end(second, TrialId{1}, 1);
  EXPECT_TRUE(book.cancelled.empty());
  source->hungry = false;
  controller->step(++now);

  EXPECT_EQ(running_on(second), TrialId{2});
}

TEST_F(ElasticTest, QueuesATrialAgainThatWasToGoOnWithOthersWhenItIsInterrupted) {
  build(2, 2);
  report(first, TrialId{0}, 1);
  end(second, TrialId{1}, 1);
  ASSERT_EQ(calls_in(TrialId{0}), 1u);
  controller->interrupt("signal 10");
  report(first, TrialId{0}, 2, TrialState::Paused);

  EXPECT_TRUE(controller->finished());
  EXPECT_EQ(controller->history()[TrialId{0}].state, TrialState::Queued)
      << "no scheduler would go on with a pause of its own accord";
}

TEST_F(ElasticTest, CallsNoTrialInThatNoWorkerOfItsNodeCouldJoin) {
  build(3, 8, {0, 0, 0, 0, 1, 1, 1, 1});
  std::map<TrialId, WorkerId> leader;
  for (const auto& [worker, assign] : book.assigned) leader[assign.trial] = worker;
  ASSERT_EQ(leader.size(), 3u);
  std::size_t workers = 0;
  for (const auto& [worker, assign] : book.assigned) workers += std::max<std::size_t>(1, assign.team.size());
  EXPECT_GE(workers, 7u);

  for (std::int32_t epoch = 1; epoch < 20; ++epoch)
    for (auto& [trial, worker] : leader) {
      const std::size_t before = calls_in(trial);
      report(worker, trial, epoch);
      if (calls_in(trial) == before) continue;
      report(worker, trial, ++epoch, TrialState::Paused);
      worker = book.assigned.back().first;
    }

  EXPECT_LE(book.cancelled.size(), 2u) << "as soon as nothing would be gained, all train in peace";
}

TEST(TeamSlots, KeepsATrialOnOneNodeWhereOneIsLargeEnough) {
  TeamSlots slots(5, {0, 0, 1, 1, 1});
  slots.add(TrialId{0}, 2, WorkerId{1});
  slots.add(TrialId{1}, 3, WorkerId{});

  EXPECT_EQ(slots.next()->team, (std::vector<WorkerId>{WorkerId{2}, WorkerId{3}, WorkerId{4}}));
  EXPECT_EQ(slots.next()->team, (std::vector<WorkerId>{WorkerId{1}, WorkerId{0}})) << "where its weights are";
  slots.add(TrialId{2}, 5, WorkerId{});
  slots.release(TrialId{0});
  EXPECT_FALSE(slots.next());
  slots.release(TrialId{1});
  EXPECT_EQ(slots.next()->team.size(), 5u);
  EXPECT_THROW(slots.add(TrialId{3}, 6, WorkerId{}), InvalidInput);
}

}  // namespace
}  // namespace regatta::run
