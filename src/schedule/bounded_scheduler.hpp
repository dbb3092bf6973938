#pragma once

#include <utility>

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// Ends every trial at an epoch before the objective's own end, whatever another scheduler makes of it until
/// then.
class BoundedScheduler final : public Scheduler {
 public:
  BoundedScheduler(std::unique_ptr<Scheduler> scheduler, std::int32_t max_epochs)
      : scheduler_(std::move(scheduler)), max_epochs_(max_epochs) {}

  Job choose_trial_to_run(const search::History& history, bool more) override {
    return scheduler_->choose_trial_to_run(history, more);
  }
  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override {
    const std::int32_t until = scheduler_->until_epoch(history, trial);
    return until == 0 || until > max_epochs_ ? max_epochs_ : until;
  }
  Decision on_result(const search::History& history, const search::TrialReported& report) override {
    const Decision decision = scheduler_->on_result(history, report);
    return report.epoch >= max_epochs_ ? Decision{Answer::Stop} : decision;
  }

 private:
  std::unique_ptr<Scheduler> scheduler_;
  std::int32_t max_epochs_;
};

}  // namespace regatta::schedule
