#include "pasha_scheduler.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::schedule {
namespace {

constexpr double percentile = 0.9;

SchedulerOptions one_promoting_bracket(SchedulerOptions options) {
  options.promotion = true;
  options.brackets = 1;
  return options;
}

/// Whether the curves change places and change back.
bool cross_twice(const std::map<std::int32_t, double>& a, const std::map<std::int32_t, double>& b) {
  int crossings = 0, before = 0;
  for (const auto& [epoch, loss] : a) {
    const auto other = b.find(epoch);
    if (other == b.end() || other->second == loss) continue;
    const int now = loss < other->second ? 1 : -1;
    crossings += before != 0 && now != before ? 1 : 0;
    before = now;
  }
  return crossings >= 2;
}

}  // namespace

PashaScheduler::PashaScheduler(const SchedulerOptions& options, const StudyFacts& facts)
    : AshaScheduler(one_promoting_bracket(options), facts),
      levels_(geometric_milestones(options.grace_period, options.eta, facts.epochs)) {
  levels_.push_back(facts.epochs);
  top_ = std::min<std::size_t>(1, levels_.size() - 1);
}

std::size_t PashaScheduler::highest_goal(const search::History& history) {
  for (; seen_ < history.reports().size(); ++seen_) take(history, history.reports()[seen_]);
  return top_;
}

void PashaScheduler::take(const search::History& history, const search::CurvePoint& report) {
  curves_.resize(history.trials().size());
  const double loss = loss_of(history, report.value);
  if (!std::isfinite(loss)) return;
  Curve& curve = curves_[static_cast<std::size_t>(report.trial.value)];
  const bool came_before = !curve.empty() && curve.rbegin()->first >= levels_[top_];
  curve[report.epoch] = loss;
  if (report.epoch < levels_[top_] || came_before) return;
  compare_with_top(report.trial);
  at_top_.push_back(report.trial);
  if (is_stable() || top_ + 1 == levels_.size()) return;
  ++top_;
  at_top_.clear();
  differences_.clear();
}

void PashaScheduler::compare_with_top(TrialId trial) {
  const Curve& mine = curves_[static_cast<std::size_t>(trial.value)];
  for (const TrialId other : at_top_) {
    const Curve& theirs = curves_[static_cast<std::size_t>(other.value)];
    if (cross_twice(mine, theirs))
      differences_.insert(std::abs(mine.rbegin()->second - theirs.rbegin()->second));
  }
}

double PashaScheduler::epsilon() const {
  if (differences_.empty()) return 0;
  const auto place = static_cast<std::ptrdiff_t>(percentile * static_cast<double>(differences_.size() - 1));
  return *std::next(differences_.begin(), place);
}

/// Whether each trial at the top has the place of one that lies within epsilon of it in the rung below.
bool PashaScheduler::is_stable() const {
  const auto loss_at = [this](TrialId trial, std::int32_t epoch) {
    return curves_[static_cast<std::size_t>(trial.value)].lower_bound(epoch)->second;
  };
  const auto ranking = [&](std::int32_t epoch) {
    std::vector<std::pair<double, TrialId>> order;
    for (const TrialId trial : at_top_) order.emplace_back(loss_at(trial, epoch), trial);
    std::ranges::sort(order);
    return order;
  };
  const auto above = ranking(levels_[top_]), below = ranking(levels_[top_ - 1]);
  const double tolerance = epsilon();
  for (std::size_t place = 0; place < above.size(); ++place) {
    const double own = loss_at(above[place].second, levels_[top_ - 1]);
    if (std::abs(own - below[place].first) > tolerance) return false;
  }
  return true;
}

}  // namespace regatta::schedule
