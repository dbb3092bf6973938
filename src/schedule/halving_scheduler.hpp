#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <vector>

#include "regatta/schedule/scheduler.hpp"
#include "rung.hpp"

namespace regatta::schedule {

/// Synchronous successive halving and HyperBand (Li et al. 2018, Hyperband: a novel bandit-based approach to
/// hyperparameter optimization): a bracket's trials all come to a milestone before the best of them go on.
///
/// Trials belong to brackets in the order of their creation. While one bracket waits for its last trials, the
/// next one begins. `sh` has one bracket of all trials of the budget (without a budget: of eta^rungs, again
/// and again) with milestones grace * eta^k. `hyperband` has brackets s = s_max .. 0 in turn, of ceil((s_max
/// + 1) / (s + 1) * eta^s) trials, whose first milestone is epochs / eta^s. From n trials the best floor(n /
/// eta^k), one at least, go on from rung k - 1. Where no more trials can be made, a bracket goes on with what
/// it has.
class HalvingScheduler final : public Scheduler {
 public:
  enum class Kind { SuccessiveHalving, Hyperband };
  HalvingScheduler(Kind kind, const SchedulerOptions& options, const StudyFacts& facts);

  Job choose_trial_to_run(const search::History& history, bool more) override;
  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override;
  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  /// What a bracket is like.
  struct Plan {
    std::size_t trials = 0;
    std::vector<std::int32_t> milestones;
  };
  struct Step {
    std::set<Rung::Entry> arrived;
    std::set<TrialId> awaited;    ///< trials that were sent here; not known of the first step
    std::size_t passed = 0;       ///< of the first step: trials that have arrived or ended
    std::deque<TrialId> winners;  ///< that were not seen running on
    bool complete = false;
  };
  struct Bracket {
    const Plan* plan = nullptr;
    std::int32_t first = 0;   ///< trial
    std::vector<Step> steps;  ///< one per milestone
  };
  struct Climb {
    std::size_t bracket = 0;
    std::size_t next = 0;  ///< milestone that it is on its way to
    bool arrived = false;  ///< by its last report
  };

  void catch_up(const search::History& history);
  void climb(const search::History& history, const search::CurvePoint& report);
  void fall(TrialId trial);
  void pass(TrialId trial);
  Climb& climb_of(TrialId trial);
  bool is_due(const search::History& history, const Bracket& bracket, std::size_t step, bool more) const;
  void complete(const search::History& history, Bracket& bracket, std::size_t step);
  TrialId winner(const search::History& history, Bracket& bracket, bool more);

  double eta_;
  std::vector<Plan> plans_;  ///< one round of brackets
  std::deque<Bracket> brackets_;
  std::vector<Climb> climbs_;  ///< by trial
  std::size_t open_ = 0;       ///< brackets before this one are over
  std::size_t reports_seen_ = 0, finished_seen_ = 0;
};

}  // namespace regatta::schedule
