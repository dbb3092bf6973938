#pragma once

#include <cstddef>
#include <vector>

#include "regatta/schedule/scheduler.hpp"
#include "rung.hpp"

namespace regatta::schedule {

/// Asynchronous successive halving (Li et al. 2020, A system for massively parallel hyperparameter tuning):
/// milestones grow by `eta`, and of the trials that have come to one, the best `1/eta` go on.
///
/// Promotion: a trial pauses at each milestone, and a free slot takes the best paused one that is among the
/// best of its rung, the highest rung first; without any it starts a new trial. Stopping: a trial runs on
/// while it is among the best of its rung at its arrival, where the first eta - 1 have to be the best so far.
///
/// With several brackets a trial's first milestone is `grace * eta^bracket`; brackets are drawn with the
/// shares of HyperBand (Li et al. 2018). Trials that fail count as worst in the rung that they were on their
/// way to; refused configurations count nowhere.
class AshaScheduler : public Scheduler {
 public:
  AshaScheduler(const SchedulerOptions& options, const StudyFacts& facts);

  Job choose_trial_to_run(const search::History& history, bool more) override;
  std::int32_t until_epoch(const search::History& history, const search::Trial& trial) override;
  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 protected:
  /// The highest rung that trials may train for, from 0; the end of the training comes behind the last rung.
  virtual std::size_t highest_goal(const search::History& history);

 private:
  struct Bracket {
    double share = 0;  ///< of the trials, those of the brackets before it included
    std::vector<std::int32_t> milestones;
    std::vector<Rung> rungs;
  };
  /// Where a trial has come to.
  struct Climb {
    std::size_t bracket = 0;
    std::size_t next = 0;     ///< rung that it is on its way to
    std::size_t crossed = 0;  ///< rungs that it has come to with its last report
  };

  void catch_up(const search::History& history);
  void climb(const search::History& history, const search::CurvePoint& report);
  void fall(const search::History& history, const search::Trial& trial);
  std::size_t bracket_of(TrialId trial) const;
  Climb& climb_of(TrialId trial);
  bool survives(const search::History& history, const search::TrialReported& report);
  TrialId promotable(const search::History& history, Bracket& bracket, std::size_t rung);

  bool promotion_;
  std::uint64_t seed_;
  std::vector<Bracket> brackets_;
  std::vector<Climb> climbs_;  ///< by trial
  std::size_t reports_seen_ = 0, finished_seen_ = 0;
};

}  // namespace regatta::schedule
