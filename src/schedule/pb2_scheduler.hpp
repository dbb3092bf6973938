#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "pbt_scheduler.hpp"
#include "time_varying_process.hpp"

namespace regatta::schedule {

/// Population based bandits (Parker-Holder, Nguyen, Roberts 2020, Provably efficient online hyperparameter
/// optimization with population-based bandits): pbt whose new hyperparameters are those with the highest
/// upper confidence bound on the improvement per epoch, given the epoch, the loss at hand and the
/// improvements of the population so far. Of what the others try at the moment the bound knows where, not
/// what comes of it. Lists and whole numbers vary as in pbt.
class Pb2Scheduler final : public PbtScheduler {
 public:
  using PbtScheduler::PbtScheduler;

 protected:
  search::Config explore(const search::History& history, TrialId donor, Random& random) override;

 private:
  /// What a trial has gained in an interval.
  struct Gain {
    TrialId trial;
    double epoch = 0, loss = 0;            ///< at its begin
    double per_epoch = 0;                  ///< fall of the loss
    std::optional<search::Config> config;  ///< in force; none: the trial's own still
  };
  /// Where a trial has been at the last multiple of the interval.
  struct Place {
    std::int32_t epoch = 0;  ///< 0: nowhere
    double loss = 0;
  };

  void follow(const search::History& history);
  void follow_report(const search::History& history, const search::CurvePoint& report);
  void follow_change(const search::Change& change);
  TimeVaryingProcess process(const search::History& history, TrialId donor) const;
  /// Epoch, loss and the unit coordinates of the mutable parameters.
  std::vector<double> features(double epoch, double loss, const search::Config& config) const;
  search::Config best_of(const TimeVaryingProcess& belief, const Place& place,
                         const std::vector<search::Config>& candidates) const;
  Place& place_of(TrialId trial);

  std::vector<Gain> gains_;
  std::vector<Place> places_;                                ///< by trial
  double lowest_ = std::numeric_limits<double>::infinity();  ///< loss so far
  double highest_ = -std::numeric_limits<double>::infinity();
  std::size_t reports_followed_ = 0, changes_followed_ = 0;
};

}  // namespace regatta::schedule
