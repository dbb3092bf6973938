#include "study_fold.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

bool same_value(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

double loss_of(const History& history, double value) { return history.maximize() ? -value : value; }

}  // namespace

/// Looks at the last outcome, the one before, the fourth last, the eighth last and so on.
bool StudyFold::goes_on(const History& history) const {
  const auto& outcomes = history.outcomes();
  if (told_.size() > outcomes.size() || trials_.size() > history.trials().size() ||
      reports_ > history.reports().size())
    return false;
  for (std::size_t back = 1; back <= told_.size(); back *= 2) {
    const Told& told = told_[told_.size() - back];
    const Outcome& outcome = outcomes[told_.size() - back];
    if (outcome.trial != told.trial || !same_value(outcome.value, told.value) ||
        outcome.epoch != told.epoch || config_hash(history[outcome.trial].config) != told.config)
      return false;
  }
  return true;
}

void StudyFold::tell(const History& history, ObservedTree& tree) {
  const std::size_t begun = trials_.size();
  trials_.resize(history.trials().size());
  while (told_.size() < history.outcomes().size()) take(history, history.outcomes()[told_.size()], tree);
  for (std::size_t i = begun; i < trials_.size(); ++i)
    if (const Trial& trial = history.trials()[i]; !is_final(trial.state) && !trials_[i].has_ended)
      begin(trial, tree);
  for (; reports_ < history.reports().size(); ++reports_) take(history, history.reports()[reports_], tree);
}

void StudyFold::begin(const Trial& trial, ObservedTree& tree) {
  Known& known = trials_[static_cast<std::size_t>(trial.id.value)];
  known.runs = true;
  known.config = trial.config;
  tree.begin(known.config);
}

void StudyFold::take(const History& history, const Outcome& outcome, ObservedTree& tree) {
  const Trial& trial = history[outcome.trial];
  told_.push_back({outcome.trial, outcome.value, outcome.epoch, config_hash(trial.config)});
  Known& known = trials_[static_cast<std::size_t>(outcome.trial.value)];
  if (std::exchange(known.runs, false)) tree.end(known.config);
  known.has_ended = true;
  known.reports = outcome.reports;
  if (outcome.state == TrialState::Cancelled || outcome.reason == Reason::Lost) return;
  offsets_.take(history, outcome);
  const bool failed = outcome.state == TrialState::Failed || !std::isfinite(outcome.value);
  if (failed && results_.empty()) return;
  const bool fresh = known.result == none;
  if (fresh) known.result = results_.size(), results_.emplace_back(), losses_.push_back(0);
  results_[known.result] = {loss_of(history, outcome.value), outcome.epoch, failed};
  const bool measured = offsets_.outdated();
  const double loss = failed ? worst_ : aligned(results_[known.result].loss, outcome.epoch);
  worst_ = std::max(worst_, loss);
  losses_[known.result] = loss;
  if (fresh) {
    tree.add(trial.config, loss);
  } else {
    tree.change(known.result, loss);
  }
  if (measured) align_all(tree);
}

/// After falls were measured anew. Failed trials before all others are as bad as the worst of these.
void StudyFold::align_all(ObservedTree& tree) {
  std::vector<double> all;
  worst_ = -largest_loss;
  for (const Result& result : results_) {
    all.push_back(result.failed ? worst_ : aligned(result.loss, result.epoch));
    worst_ = std::max(worst_, all.back());
  }
  for (std::size_t i = 0; i < all.size() && results_[i].failed; ++i) all[i] = worst_;
  if (all == losses_) return;
  losses_ = std::move(all);
  tree.change_all(losses_);
}

/// A trial that goes on after a pause runs from its first report on.
void StudyFold::take(const History& history, const CurvePoint& report, ObservedTree& tree) {
  const Trial& trial = history[report.trial];
  const Known& known = trials_[static_cast<std::size_t>(report.trial.value)];
  if (reports_ < known.reports || is_final(trial.state) || trial.state == TrialState::Paused) return;
  if (!known.runs) begin(trial, tree);
  if (std::isfinite(report.value))
    tree.report(known.config, aligned(loss_of(history, report.value), report.epoch));
}

double StudyFold::aligned(double loss, std::int32_t epoch) {
  return std::clamp(loss - offsets_.fall_from(epoch), -largest_loss, largest_loss);
}

}  // namespace regatta::search
