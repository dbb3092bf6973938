#include "bandit_scheduler.hpp"

#include <algorithm>
#include <cmath>

#include "rung.hpp"

namespace regatta::schedule {

using search::TrialState;

Job BanditScheduler::choose_trial_to_run(const search::History& history, bool more) {
  if (more) return {};
  catch_up(history);
  if (ucb_) return most_promising(history);
  if (all_ != history.trials().size()) {
    all_ = history.trials().size();
    phase_ = 1;
    for (Arm& arm : arms_) arm.rejected = false;
  }
  while (rejects_one(history)) {
  }
  return next_in_phase(history);
}

std::int32_t BanditScheduler::until_epoch(const search::History&, const search::Trial& trial) {
  const std::int32_t until = ucb_ ? trial.epochs + pull_ : goal();
  return until < epochs_ ? until : 0;
}

Decision BanditScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  if (!std::isfinite(report.value)) return {Answer::Stop};
  const std::int32_t until = history[report.trial].until_epoch;
  return {until > 0 && report.epoch >= until ? Answer::Pause : Answer::Continue};
}

void BanditScheduler::catch_up(const search::History& history) {
  arms_.resize(history.trials().size());
  for (; reports_seen_ < history.reports().size(); ++reports_seen_) {
    const search::CurvePoint& point = history.reports()[reports_seen_];
    const double loss = loss_of(history, point.value);
    Arm& arm = arms_[static_cast<std::size_t>(point.trial.value)];
    arm.losses[point.epoch] = loss;
    if (!std::isfinite(loss)) continue;
    arm.sum += loss;
    lowest_ = std::min(lowest_, loss);
    highest_ = std::max(highest_, loss);
  }
}

/// Where the arms of this phase train to.
std::int32_t BanditScheduler::goal() const {
  if (all_ == 0) return pull_;
  const double share = 2.0 * epochs_ / static_cast<double>(all_ + 1 - std::min(phase_, all_ - 1));
  return std::clamp(static_cast<std::int32_t>(std::ceil(share)), pull_, std::max(pull_, epochs_));
}

/// Gives up the worst arm and begins the next phase, if all arms have come to the goal of this one.
bool BanditScheduler::rejects_one(const search::History& history) {
  if (phase_ + 1 >= all_) return false;
  std::size_t left = 0;
  std::pair<double, TrialId> worst{-std::numeric_limits<double>::infinity(), TrialId{}};
  for (const search::Trial& trial : history.trials()) {
    const Arm& arm = arms_[static_cast<std::size_t>(trial.id.value)];
    if (arm.rejected) continue;
    const auto reached = arm.losses.lower_bound(goal());
    if (reached == arm.losses.end() && !is_final(trial.state)) return false;
    if (reached == arm.losses.end() || !std::isfinite(reached->second))
      continue;  // it has failed on its way here
    ++left;
    worst = std::max(worst, {reached->second, trial.id});
  }
  if (left + phase_ > all_) arms_[static_cast<std::size_t>(worst.second.value)].rejected = true;
  ++phase_;
  return true;
}

Job BanditScheduler::next_in_phase(const search::History& history) {
  for (const TrialId id : history.unfinished()) {
    const bool rejected = arms_[static_cast<std::size_t>(id.value)].rejected;
    const bool due = history[id].epochs < goal() || phase_ + 1 >= all_;
    if (!rejected && due && history[id].state == TrialState::Paused) return {Job::Kind::Resume, id};
  }
  return {Job::Kind::Wait};
}

Job BanditScheduler::most_promising(const search::History& history) const {
  Job job{Job::Kind::Wait};
  if (history.count(TrialState::Completed) > 0) return job;
  double highest = -std::numeric_limits<double>::infinity();
  for (const TrialId id : history.unfinished()) {
    const Arm& arm = arms_[static_cast<std::size_t>(id.value)];
    if (history[id].state != TrialState::Paused || arm.losses.empty()) continue;
    const auto pulls = static_cast<double>(arm.losses.size());
    const double mean = highest_ > lowest_ ? (highest_ - arm.sum / pulls) / (highest_ - lowest_) : 0;
    const double bound = mean + std::sqrt(2 * std::log(static_cast<double>(reports_seen_)) / pulls);
    if (bound <= highest) continue;
    highest = bound;
    job = {Job::Kind::Resume, id};
  }
  return job;
}

}  // namespace regatta::schedule
