#include "plateau_scheduler.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "rung.hpp"

namespace regatta::schedule {

void Improvement::catch_up(const search::History& history) {
  bests_.resize(history.trials().size());
  for (; reports_seen_ < history.reports().size(); ++reports_seen_) {
    const search::CurvePoint& point = history.reports()[reports_seen_];
    const double loss = loss_of(history, point.value);
    Best& best = bests_[static_cast<std::size_t>(point.trial.value)];
    if (best.epoch == 0 || loss < best.loss - min_delta_) best = {loss, point.epoch};
  }
}

Decision PatienceScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  improvement_.catch_up(history);
  const std::int32_t stalled = report.epoch - improvement_.epoch_of(report.trial);
  const bool tired = report.epoch > options_.grace_period && stalled >= options_.patience;
  return {tired || !std::isfinite(report.value) ? Answer::Stop : Answer::Continue};
}

PlateauScheduler::PlateauScheduler(const SchedulerOptions& options, const StudyFacts& facts)
    : options_(options), space_(facts.space), improvement_(options.min_delta) {
  const auto index = space_.index_of(options.parameter);
  require(index.has_value(), "scheduler plateau lowers parameter '", options.parameter,
          "', which [space] does not have");
  require(space_.parameters()[*index].kind != space::Kind::Choice, "scheduler plateau cannot lower '",
          options.parameter, "', a choice without an order");
  index_ = *index;
}

Decision PlateauScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  improvement_.catch_up(history);
  if (!std::isfinite(report.value)) return {Answer::Stop};
  const search::Trial& trial = history[report.trial];
  const std::int32_t since = std::max(improvement_.epoch_of(trial.id), trial.changed_epoch);
  const double before = trial.config[index_];
  if (report.epoch < options_.grace_period || report.epoch - since < options_.patience || std::isnan(before))
    return {};
  search::Config config = trial.config;
  config[index_] = lowered(before);
  space_.deactivate(config);  // other parameters may depend on it
  const space::Parameter& parameter = space_.parameters()[index_];
  const bool at_bound = parameter.encode(before) - parameter.encode(config[index_]) < 1e-9;
  if (at_bound || !space_.feasible(config)) return {};
  return {Answer::Change, std::move(config)};
}

double PlateauScheduler::lowered(double entry) const {
  const space::Parameter& parameter = space_.parameters()[index_];
  if (parameter.categorical()) return std::max(0.0, entry - 1);
  return std::min(entry, parameter.decode(parameter.encode(options_.factor * entry)));
}

Decision ThresholdScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  if (report.epoch < options_.grace_period) return {Answer::Continue};
  const double worst =
      std::isnan(options_.threshold) ? worst_allowed(history, report.epoch) : options_.threshold;
  return {history.better(worst, report.value) ? Answer::Stop : Answer::Continue};
}

/// NaN, which nothing is worse than, where there is no incumbent or it has no report of that epoch.
double ThresholdScheduler::worst_allowed(const search::History& history, std::int32_t epoch) {
  const auto incumbent = history.incumbent();
  if (!incumbent) return search::not_a_number;
  if (*incumbent != incumbent_) {
    incumbent_ = *incumbent;
    curve_.clear();
    const auto& reports = history.reports();
    for (auto report = reports.rbegin(); report != reports.rend() && !curve_.contains(1); ++report)
      if (report->trial == incumbent_) curve_.try_emplace(report->epoch, report->value);
  }
  const auto found = curve_.find(epoch);
  if (found == curve_.end()) return search::not_a_number;
  return found->second + (history.maximize() ? -options_.min_delta : options_.min_delta);
}

}  // namespace regatta::schedule
