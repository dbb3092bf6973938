#pragma once

#include <map>
#include <set>
#include <vector>

#include "asha_scheduler.hpp"

namespace regatta::schedule {

/// Progressive asha (Bohdal et al. 2023, PASHA): the highest rung is the second one until the ranking of the
/// trials there differs from their ranking in the rung below; then the next rung is opened, and so on.
///
/// Trials whose values lie within epsilon of each other in the lower rung may change places. Epsilon is the
/// 90th percentile of the differences, at the top, of pairs whose curves have crossed twice.
class PashaScheduler final : public AshaScheduler {
 public:
  PashaScheduler(const SchedulerOptions& options, const StudyFacts& facts);

 protected:
  std::size_t highest_goal(const search::History& history) override;

 private:
  using Curve = std::map<std::int32_t, double>;  ///< loss by epoch

  void take(const search::History& history, const search::CurvePoint& report);
  void compare_with_top(TrialId trial);
  bool is_stable() const;
  double epsilon() const;

  std::vector<std::int32_t> levels_;  ///< milestones and the end
  std::size_t top_;                   ///< level that trials may train to
  std::vector<Curve> curves_;         ///< by trial
  std::vector<TrialId> at_top_;
  std::multiset<double> differences_;  ///< of pairs at the top that have crossed twice
  std::size_t seen_ = 0;
};

}  // namespace regatta::schedule
