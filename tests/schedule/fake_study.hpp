#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// A study of made-up trials that does what a scheduler says, one report at a time: what the controller does,
/// without workers.
class FakeStudy {
 public:
  /// Value of a trial after an epoch; the hyperparameters in force are its configuration.
  using Curve = std::function<double(const search::Trial&, std::int32_t epoch)>;

  struct Setting {
    int trials = 60, slots = 4;
    std::int32_t epochs = 27;
    bool maximize = false;
    /// Whether the trial fails in place of reporting this epoch.
    std::function<bool(TrialId, std::int32_t epoch)> fails = [](TrialId, std::int32_t) { return false; };
    std::uint64_t seed = 1;  ///< of the order in which running trials report
  };

  FakeStudy(Scheduler& scheduler, Setting setting, Curve curve)
      : scheduler_(scheduler),
        setting_(std::move(setting)),
        curve_(std::move(curve)),
        history_(setting_.maximize) {}

  /// Runs until nothing runs and nothing is started any more.
  void run() {
    Random random(setting_.seed);
    for (int turn = 0; turn < 100 * setting_.trials * setting_.epochs; ++turn) {
      while (std::ssize(running_) < setting_.slots && start_next()) {
      }
      if (running_.empty()) return;
      const auto entry =
          std::next(running_.begin(), static_cast<std::ptrdiff_t>(random.below(running_.size())));
      report(entry->first);
    }
    FAIL() << "the study does not end";
  }

  const search::History& history() const { return history_; }
  const std::vector<std::string>& decisions() const { return decisions_; }
  /// Called before each choice for a free slot.
  std::function<void(bool more)> before_choice = [](bool) {};

 private:
  bool start_next() {
    const bool more = std::ssize(history_.trials()) < setting_.trials;
    before_choice(more);
    const Job job = scheduler_.choose_trial_to_run(history_, more);
    decisions_.push_back("job " + std::to_string(static_cast<int>(job.kind)) + " " +
                         std::to_string(job.trial.value));
    if (job.kind == Job::Kind::Resume) return start(job.trial), true;
    if (job.kind == Job::Kind::Wait || !more) return false;
    search::TrialCreated created;
    created.trial = TrialId{static_cast<std::int32_t>(history_.trials().size())};
    created.seed = static_cast<std::uint64_t>(created.trial.value);
    created.config = {Random(7, created.seed).uniform()};
    history_.record(created);
    return start(created.trial), true;
  }

  void start(TrialId id) {
    const search::Trial& trial = history_[id];
    const bool startable =
        trial.state == search::TrialState::Paused || trial.state == search::TrialState::Queued;
    EXPECT_TRUE(startable) << "trial " << id.value << " cannot start, it is " << name_of(trial.state);
    EXPECT_FALSE(trial.attempt > 0 && std::isnan(trial.objective)) << "trial " << id.value << " is no number";
    search::TrialStarted started;
    started.trial = id;
    started.from_epoch = trial.epochs;
    started.until_epoch = scheduler_.until_epoch(history_, trial);
    EXPECT_TRUE(started.until_epoch == 0 || started.until_epoch > trial.epochs)
        << "a start must bring its trial on";
    history_.record(started);
    running_[id] = started.until_epoch;
  }

  void report(TrialId id) {
    const std::int32_t epoch = history_[id].epochs + 1;
    if (setting_.fails(id, epoch)) return end(id, search::TrialState::Failed);
    search::TrialReported event;
    event.trial = id;
    event.epoch = epoch;
    event.value = curve_(history_[id], epoch);
    history_.record(event);
    if (epoch == setting_.epochs) return end(id, search::TrialState::Completed);
    follow(event, scheduler_.on_result(history_, event));
  }

  void follow(const search::TrialReported& report, const Decision& decision) {
    decisions_.push_back("answer " + std::to_string(report.trial.value) + " " +
                         std::to_string(static_cast<int>(decision.answer)));
    const bool due = report.epoch == running_.at(report.trial);
    if (decision.answer == Answer::Stop) return end(report.trial, search::TrialState::Stopped);
    if (decision.answer == Answer::Pause ||
        (due && decision.answer <= Answer::Pause && decision.answer != Answer::Change))
      return end(report.trial, search::TrialState::Paused);
    if (decision.answer != Answer::Change && decision.answer != Answer::Restart) return;
    end(report.trial, search::TrialState::Paused);
    const TrialId donor = decision.answer == Answer::Change ? report.trial : decision.donor;
    history_.record(search::TrialChanged{report.trial, report.epoch, donor, 0, decision.config});
    start(report.trial);
  }

  void end(TrialId id, search::TrialState state) {
    search::TrialEnded event;
    event.trial = id;
    event.state = state;
    event.reason = state == search::TrialState::Failed ? search::Reason::Crash : search::Reason::None;
    event.objective = state == search::TrialState::Failed ? search::not_a_number : history_[id].objective;
    event.epochs = history_[id].epochs;
    history_.record(event);
    running_.erase(id);
  }

  Scheduler& scheduler_;
  Setting setting_;
  Curve curve_;
  search::History history_;
  std::map<TrialId, std::int32_t> running_;  ///< until which epoch
  std::vector<std::string> decisions_;
};

}  // namespace regatta::schedule
