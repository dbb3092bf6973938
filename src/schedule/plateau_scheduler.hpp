#pragma once

#include <map>
#include <vector>

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// The best value of a trial, and since when it has had it.
class Improvement {
 public:
  explicit Improvement(double min_delta) : min_delta_(min_delta) {}

  void catch_up(const search::History& history);
  /// Epoch of the best value; 0: none yet.
  std::int32_t epoch_of(TrialId trial) const { return bests_[static_cast<std::size_t>(trial.value)].epoch; }

 private:
  struct Best {
    double loss = 0;
    std::int32_t epoch = 0;
  };

  double min_delta_;
  std::vector<Best> bests_;  ///< by trial
  std::size_t reports_seen_ = 0;
};

/// Stops a trial that has not improved its best value by more than `min_delta` for `patience` epochs, after
/// its grace period.
class PatienceScheduler final : public Scheduler {
 public:
  PatienceScheduler(const SchedulerOptions& options, const StudyFacts&)
      : options_(options), improvement_(options.min_delta) {}

  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  SchedulerOptions options_;
  Improvement improvement_;
};

/// Lowers a hyperparameter of a running trial when its metric stalls: after `patience` epochs without an
/// improvement and without a change it is multiplied by `factor`, down to the bound of its range (of a list:
/// the value before it).
class PlateauScheduler final : public Scheduler {
 public:
  /// @throws InvalidInput  the space has no such parameter, or it has no order
  PlateauScheduler(const SchedulerOptions& options, const StudyFacts& facts);

  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  double lowered(double entry) const;

  SchedulerOptions options_;
  space::Space space_;
  std::size_t index_;
  Improvement improvement_;
};

/// Stops a trial whose value is worse than the threshold from its grace period on; or, without one, worse by
/// more than `min_delta` than the incumbent was after as many epochs.
class ThresholdScheduler final : public Scheduler {
 public:
  ThresholdScheduler(const SchedulerOptions& options, const StudyFacts&) : options_(options) {}

  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  double worst_allowed(const search::History& history, std::int32_t epoch);

  SchedulerOptions options_;
  TrialId incumbent_;
  std::map<std::int32_t, double> curve_;  ///< of the incumbent
};

}  // namespace regatta::schedule
