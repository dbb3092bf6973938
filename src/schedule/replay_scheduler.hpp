#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// Gives every trial the same schedule of hyperparameters: those that were recorded of a training that did
/// well (pbt, pb2, plateau), or that the user has written.
class ReplayScheduler final : public Scheduler {
 public:
  /// @throws InvalidInput  a schedule that cannot be read, or names and values that the space does not have
  ReplayScheduler(const SchedulerOptions& options, const StudyFacts& facts);

  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override;
  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  using Values = std::vector<std::pair<std::size_t, double>>;  ///< parameter, entry

  space::Space space_;
  std::map<std::int32_t, Values> changes_;  ///< by the epoch after which they hold
};

}  // namespace regatta::schedule
