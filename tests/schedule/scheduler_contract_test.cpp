#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/schedule/scheduler.hpp"

// What every scheduler must do, whatever its policy: a study of fake trials under its direction.
namespace regatta::schedule {
namespace {

using search::History;
using search::Trial;
using search::TrialCreated;
using search::TrialEnded;
using search::TrialReported;
using search::TrialStarted;
using search::TrialState;

constexpr std::int32_t full_epochs = 27;
constexpr int slots = 4;
constexpr int trials = 60;

/// A study with `slots` slots in which each report takes one turn; trials get better with a pace of their
/// own.
class FakeStudy {
 public:
  explicit FakeStudy(Scheduler& scheduler, bool failures) : scheduler_(scheduler), failures_(failures) {}

  /// Runs until `trials` trials were created and nothing runs.
  void run() {
    for (int turn = 0; turn < 100 * trials * full_epochs; ++turn) {
      while (running_.size() < slots && start_next()) {
      }
      if (running_.empty()) return;
      const auto entry = std::next(running_.begin(), turn % static_cast<int>(running_.size()));
      report(entry->first, entry->second);
    }
    FAIL() << "the study does not end";
  }

  const History& history() const { return history_; }
  const std::vector<std::pair<std::int32_t, int>>& decisions() const { return decisions_; }

 private:
  bool start_next() {
    const Job job = scheduler_.next(history_);
    decisions_.emplace_back(job.trial.value_or(TrialId{}).value, job.until_epoch);
    TrialId id = job.trial.value_or(TrialId{});
    if (job.trial) {
      EXPECT_EQ(history_[id].state, TrialState::Paused) << "only a paused trial can go on";
    } else {
      if (history_.trials().size() == trials) return false;
      id = TrialId{static_cast<std::int32_t>(history_.trials().size())};
      TrialCreated created;
      created.trial = id;
      history_.record(created);
    }
    EXPECT_TRUE(job.until_epoch == 0 || job.until_epoch > history_[id].epochs)
        << "a job must bring its trial on";
    TrialStarted started;
    started.trial = id;
    started.from_epoch = history_[id].epochs;
    started.until_epoch = job.until_epoch;
    history_.record(started);
    running_[id] = job.until_epoch;
    return true;
  }

  void report(TrialId id, std::int32_t until_epoch) {
    const std::int32_t epoch = history_[id].epochs + 1;
    if (failures_ && id.value % 7 == 3 && epoch == 2) return end(id, TrialState::Failed);
    TrialReported event;
    event.trial = id;
    event.epoch = epoch;
    event.value = Random(1, static_cast<std::uint64_t>(id.value)).uniform() + 1.0 / epoch;
    history_.record(event);
    const Decision decision = scheduler_.on_report(history_, event);
    decisions_.emplace_back(id.value, static_cast<int>(decision));
    if (epoch == full_epochs) return end(id, TrialState::Completed);
    if (decision == Decision::Stop) return end(id, TrialState::Stopped);
    if (decision == Decision::Pause || epoch == until_epoch) return end(id, TrialState::Paused);
  }

  void end(TrialId id, TrialState state) {
    TrialEnded event;
    event.trial = id;
    event.state = state;
    event.objective = history_[id].objective;
    event.epochs = history_[id].epochs;
    history_.record(event);
    running_.erase(id);
  }

  Scheduler& scheduler_;
  bool failures_;
  History history_;
  std::map<TrialId, std::int32_t> running_;  ///< until which epoch
  std::vector<std::pair<std::int32_t, int>> decisions_;
};

class SchedulerContract : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Scheduler> scheduler() const { return make_scheduler({.algorithm = GetParam()}); }
};

TEST_P(SchedulerContract, BringsAStudyToItsEnd) {
  const auto policy = scheduler();
  FakeStudy study(*policy, false);

  study.run();

  EXPECT_EQ(study.history().trials().size(), static_cast<std::size_t>(trials));
  EXPECT_GT(study.history().count(TrialState::Completed), 0u);
  EXPECT_EQ(study.history().count(TrialState::Running), 0u);
}

TEST_P(SchedulerContract, GoesOnWhenTrialsFail) {
  const auto policy = scheduler();
  FakeStudy study(*policy, true);

  study.run();

  EXPECT_GT(study.history().count(TrialState::Failed), 0u);
  EXPECT_GT(study.history().count(TrialState::Completed), 0u);
}

TEST_P(SchedulerContract, DecidesTheSameForTheSameHistory) {
  const auto first = scheduler();
  const auto second = scheduler();
  FakeStudy once(*first, true);
  FakeStudy again(*second, true);

  once.run();
  again.run();

  EXPECT_EQ(once.decisions(), again.decisions());
}

TEST_P(SchedulerContract, NeedsNothingButTheHistoryToGoOn) {
  const auto used = scheduler();
  FakeStudy study(*used, true);
  study.run();

  const auto fresh = scheduler();

  const Job expected = used->next(study.history());
  const Job job = fresh->next(study.history());
  EXPECT_EQ(job.trial, expected.trial);
  EXPECT_EQ(job.until_epoch, expected.until_epoch);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerContract, testing::ValuesIn(scheduler_names()),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace regatta::schedule
