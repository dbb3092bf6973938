#include "pbt_scheduler.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::schedule {
namespace {

using search::TrialState;

constexpr std::uint64_t pbt_stream = 0x706274;
constexpr double shrink = 0.8, grow = 1.2;
constexpr int tries = 20;  ///< to meet the constraints

}  // namespace

PbtScheduler::PbtScheduler(const SchedulerOptions& options, const StudyFacts& facts)
    : quantile_(options.quantile),
      resample_(options.resample),
      seed_(derive_seed(facts.seed, pbt_stream)),
      epochs_(facts.epochs),
      interval_(options.interval > 0 ? options.interval : std::max(1, facts.epochs / 10)),
      space_(facts.space) {
  for (const std::string& name : options.mutate) {
    const auto index = space_.index_of(name);
    require(index.has_value(), "scheduler pbt changes parameter '", name, "', which [space] does not have");
    mutable_.push_back(*index);
  }
  for (std::size_t i = 0; i < space_.size() && options.mutate.empty(); ++i)
    if (!space_.parameters()[i].discrete()) mutable_.push_back(i);
}

Job PbtScheduler::choose_trial_to_run(const search::History& history, bool more) {
  if (more) return {};
  Job job{Job::Kind::Wait};
  for (const TrialId id : history.unfinished()) {
    if (history[id].state != TrialState::Paused) continue;
    if (job.kind == Job::Kind::Wait || history[id].epochs < history[job.trial].epochs)
      job = {Job::Kind::Resume, id};
  }
  return job;
}

std::int32_t PbtScheduler::until_epoch(const search::History& history, const search::Trial& trial) {
  // A donor's weights are those of its last multiple of the interval, which may lie beyond this trial's
  // epochs.
  const std::int32_t given =
      trial.weights.valid() ? history[trial.weights].epochs / interval_ * interval_ : 0;
  const std::int32_t until = (std::max(trial.epochs, given) / interval_ + 1) * interval_;
  return until < epochs_ ? until : 0;
}

Decision PbtScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  catch_up(history);
  if (!std::isfinite(report.value)) return {Answer::Stop};
  const std::int32_t until = history[report.trial].until_epoch;
  if (until == 0 || report.epoch < until) return {};
  Random random(derive_seed(seed_, static_cast<std::uint64_t>(report.trial.value)),
                static_cast<std::uint64_t>(report.epoch));
  const TrialId chosen = donor(history, report, random);
  if (!chosen.valid()) return {Answer::Pause};  // to go on at once, where it has its slot for itself
  return {Answer::Restart, explore(history, chosen, random), chosen};
}

void PbtScheduler::catch_up(const search::History& history) {
  reached_.resize(history.trials().size());
  for (; reports_seen_ < history.reports().size(); ++reports_seen_) {
    const search::CurvePoint& point = history.reports()[reports_seen_];
    const double loss = loss_of(history, point.value);
    const std::int32_t multiple = point.epoch / interval_;
    std::int32_t& reached = reached_[static_cast<std::size_t>(point.trial.value)];
    if (multiple <= reached || !std::isfinite(loss)) continue;
    reached = multiple;
    standings_[multiple].insert({loss, point.trial});
  }
}

/// Whose weights the trial takes; none: it goes on with its own.
TrialId PbtScheduler::donor(const search::History& history, const search::TrialReported& report,
                            Random& random) const {
  const auto found = standings_.find(report.epoch / interval_);
  if (found == standings_.end()) return {};
  const std::set<Rung::Entry>& standing = found->second;
  const auto share = static_cast<std::ptrdiff_t>(quantile_ * static_cast<double>(standing.size()) + 1e-9);
  const Rung::Entry own{loss_of(history, report.value), report.trial};
  const auto is_own = [&](const Rung::Entry& entry) { return entry == own; };
  if (!std::any_of(standing.rbegin(), std::next(standing.rbegin(), share), is_own)) return {};
  std::vector<TrialId> donors;
  for (auto entry = standing.begin(); std::ssize(donors) < share && entry != standing.end(); ++entry)
    if (!is_final(history[entry->second].state) && entry->second != report.trial)
      donors.push_back(entry->second);
  return donors.empty() ? TrialId{} : donors[random.below(donors.size())];
}

search::Config PbtScheduler::explore(const search::History& history, TrialId donor, Random& random) {
  const search::Config& config = history[donor].config;
  for (int i = 0; i < tries; ++i) {
    auto varied = changed(config, [&](std::size_t index, double entry) {
      return mutated(space_.parameters()[index], entry, random);
    });
    if (varied) return *varied;
  }
  return config;
}

std::optional<search::Config> PbtScheduler::changed(
    const search::Config& config, const std::function<double(std::size_t, double)>& entry_of) const {
  search::Config result = config;
  for (const std::size_t index : mutable_)
    if (!std::isnan(config[index])) result[index] = entry_of(index, config[index]);
  space_.deactivate(result);
  return space_.feasible(result) ? std::optional(std::move(result)) : std::nullopt;
}

double PbtScheduler::mutated(const space::Parameter& parameter, double entry, Random& random) const {
  if (random.uniform() < resample_) return parameter.decode(random.uniform());
  const bool up = random.uniform() < 0.5;
  if (parameter.kind == space::Kind::Choice) return entry;
  if (parameter.categorical())
    return std::clamp(entry + (up ? 1.0 : -1.0), 0.0, static_cast<double>(parameter.categories.size()) - 1);
  return parameter.decode(parameter.encode(entry * (up ? grow : shrink)));
}

}  // namespace regatta::schedule
