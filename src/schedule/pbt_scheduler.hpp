#pragma once

#include <map>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/schedule/scheduler.hpp"
#include "rung.hpp"

namespace regatta::schedule {

/// Population based training (Jaderberg et al. 2017). All trials of the study are the population. At each
/// multiple of `interval` epochs a trial is compared with what the others had reached at that epoch: one of
/// the worst quantile takes the weights of one of the best quantile (truncation selection) and its
/// hyperparameters, some of them drawn anew, the others multiplied by 0.8 or 1.2 (of a list: a neighbour).
/// Asynchronous: nobody waits for the others to come as far.
///
/// A donor has come as far as the trial itself or farther, so that the trial's epochs never go back. Where
/// there are fewer slots than trials, the trial that is farthest behind goes on.
class PbtScheduler final : public Scheduler {
 public:
  /// @throws InvalidInput  a name in `mutate` that the space does not have
  PbtScheduler(const SchedulerOptions& options, const StudyFacts& facts);

  Job choose_trial_to_run(const search::History& history, bool more) override;
  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override;
  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  void catch_up(const search::History& history);
  TrialId donor(const search::History& history, const search::TrialReported& report, Random& random) const;
  search::Config explore(const search::Config& config, Random& random) const;
  double mutated(const space::Parameter& parameter, double entry, Random& random) const;

  double quantile_, resample_;
  std::uint64_t seed_;
  std::int32_t epochs_, interval_;
  space::Space space_;
  std::vector<std::size_t> mutable_;                         ///< parameters that may change during a training
  std::map<std::int32_t, std::set<Rung::Entry>> standings_;  ///< by epoch
  std::vector<std::int32_t> reached_;                        ///< multiples of the interval, by trial
  std::size_t reports_seen_ = 0;
};

}  // namespace regatta::schedule
