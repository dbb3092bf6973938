#pragma once

#include <functional>
#include <map>
#include <optional>
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
class PbtScheduler : public Scheduler {
 public:
  /// @throws InvalidInput  a name in `mutate` that the space does not have
  PbtScheduler(const SchedulerOptions& options, const StudyFacts& facts);

  Job choose_trial_to_run(const search::History& history, bool more) override;
  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override;
  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 protected:
  /// The hyperparameters of a trial that takes the weights of `donor`.
  virtual search::Config explore(const search::History& history, TrialId donor, Random& random);
  /// `config` with other entries of its active mutable parameters; none where constraints forbid it.
  /// @param entry_of  the new entry of a parameter, of its index and its entry in `config`
  std::optional<search::Config> changed(const search::Config& config,
                                        const std::function<double(std::size_t, double)>& entry_of) const;
  double mutated(const space::Parameter& parameter, double entry, Random& random) const;

  std::int32_t epochs() const { return epochs_; }
  std::int32_t interval() const { return interval_; }
  const space::Space& space() const { return space_; }
  /// Parameters that may change during a training.
  const std::vector<std::size_t>& mutable_parameters() const { return mutable_; }

 private:
  void catch_up(const search::History& history);
  TrialId donor(const search::History& history, const search::TrialReported& report, Random& random) const;

  double quantile_, resample_;
  std::uint64_t seed_;
  std::int32_t epochs_, interval_;
  space::Space space_;
  std::vector<std::size_t> mutable_;
  std::map<std::int32_t, std::set<Rung::Entry>> standings_;  ///< by epoch
  std::vector<std::int32_t> reached_;                        ///< multiples of the interval, by trial
  std::size_t reports_seen_ = 0;
};

}  // namespace regatta::schedule
