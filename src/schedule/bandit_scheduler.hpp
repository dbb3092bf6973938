#pragma once

#include <limits>
#include <map>
#include <vector>

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// A bandit over a finite list of configurations, each of which is an arm; a pull trains it on.
///
/// Successive rejects (Audibert and Bubeck 2010, Best arm identification in multi-armed bandits): of K arms
/// all that are left train to epoch ceil(2 R / (K + 1 - k)) in phase k, then the worst is given up; the last
/// two train to the end R. Upper confidence bounds (Auer et al. 2002, UCB1): a free slot goes on, for
/// `grace_period` epochs, with the arm that has the highest mean + sqrt(2 ln N / n), with values scaled to
/// [0, 1] over all reports; N and n count pulls.
///
/// All configurations are started, for `grace_period` epochs, before any goes on; upper confidence bounds end
/// with the first arm that has trained to its end. A choice takes O(K).
class BanditScheduler final : public Scheduler {
 public:
  BanditScheduler(const SchedulerOptions& options, const StudyFacts& facts)
      : ucb_(options.ucb),
        pull_(options.grace_period),
        epochs_(facts.epochs),
        lowest_(std::numeric_limits<double>::infinity()),
        highest_(-lowest_) {}

  Job choose_trial_to_run(const search::History& history, bool more) override;
  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override;
  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  struct Arm {
    std::map<std::int32_t, double> losses;  ///< by epoch
    double sum = 0;
    bool rejected = false;
  };

  void catch_up(const search::History& history);
  std::int32_t goal() const;
  bool rejects_one(const search::History& history);
  Job next_in_phase(const search::History& history);
  Job most_promising(const search::History& history) const;

  bool ucb_;
  std::int32_t pull_, epochs_;
  std::vector<Arm> arms_;  ///< by trial
  std::size_t all_ = 0;    ///< arms, once no more can come; 0: not known
  std::size_t phase_ = 1;
  double lowest_, highest_;  ///< losses
  std::size_t reports_seen_ = 0;
};

}  // namespace regatta::schedule
