#include "halving_scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regatta::schedule {
namespace {

using search::TrialState;

/// Most halvings that fit between `first` and `last`, rounding left aside.
int halvings(double first, double last, double eta) {
  return static_cast<int>(std::floor(std::log(last / first) / std::log(eta) + 1e-9));
}

}  // namespace

HalvingScheduler::HalvingScheduler(Kind kind, const SchedulerOptions& options, const StudyFacts& facts)
    : eta_(options.eta) {
  const double last = facts.epochs;
  if (kind == Kind::SuccessiveHalving) {
    Plan plan{static_cast<std::size_t>(facts.trials),
              geometric_milestones(options.grace_period, eta_, facts.epochs)};
    if (plan.trials == 0)
      plan.trials =
          static_cast<std::size_t>(std::ceil(std::pow(eta_, static_cast<double>(plan.milestones.size()))));
    plans_.push_back(std::move(plan));
    return;
  }
  const int most = last > options.grace_period ? halvings(options.grace_period, last, eta_) : 0;
  for (int s = most; s >= 0; --s) {
    const double power = std::pow(eta_, s);
    plans_.push_back({static_cast<std::size_t>(std::ceil((most + 1.0) / (s + 1.0) * power - 1e-9)),
                      geometric_milestones(last / power, eta_, facts.epochs)});
  }
}

Job HalvingScheduler::choose_trial_to_run(const search::History& history, bool more) {
  catch_up(history);
  for (std::size_t b = open_; b < brackets_.size(); ++b)
    if (const TrialId trial = winner(history, brackets_[b], more); trial.valid())
      return {Job::Kind::Resume, trial};
  while (open_ < brackets_.size() && std::ranges::all_of(brackets_[open_].steps, &Step::complete)) ++open_;
  return {more ? Job::Kind::New : Job::Kind::Wait};
}

std::int32_t HalvingScheduler::until_epoch(const search::History& history, const search::Trial& trial) {
  catch_up(history);
  const Climb& climb = climb_of(trial.id);
  const auto& milestones = brackets_[climb.bracket].plan->milestones;
  return climb.next < milestones.size() ? milestones[climb.next] : 0;
}

Decision HalvingScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  catch_up(history);
  if (!std::isfinite(report.value)) return {Answer::Stop};
  return {climb_of(report.trial).arrived ? Answer::Pause : Answer::Continue};
}

void HalvingScheduler::catch_up(const search::History& history) {
  if (!history.trials().empty()) climb_of(history.trials().back().id);
  for (; reports_seen_ < history.reports().size(); ++reports_seen_)
    climb(history, history.reports()[reports_seen_]);
  for (; finished_seen_ < history.finished().size(); ++finished_seen_)
    fall(history.finished()[finished_seen_]);
}

void HalvingScheduler::climb(const search::History& history, const search::CurvePoint& report) {
  Climb& climb = climb_of(report.trial);
  Bracket& bracket = brackets_[climb.bracket];
  climb.arrived = false;
  const double loss = loss_of(history, report.value);
  if (!std::isfinite(loss)) return;
  while (climb.next < bracket.steps.size() && report.epoch >= bracket.plan->milestones[climb.next]) {
    bracket.steps[climb.next].arrived.insert({loss, report.trial});
    pass(report.trial);
    ++climb.next;
    climb.arrived = true;
  }
}

void HalvingScheduler::fall(TrialId trial) {
  const Climb& climb = climb_of(trial);
  if (climb.next < brackets_[climb.bracket].steps.size()) pass(trial);
}

/// Nobody waits for the trial at its next milestone any more.
void HalvingScheduler::pass(TrialId trial) {
  const Climb& climb = climb_of(trial);
  Step& step = brackets_[climb.bracket].steps[climb.next];
  ++step.passed;
  step.awaited.erase(trial);
}

/// The best trial of the bracket's highest complete step that is to go on; none if there is no such.
TrialId HalvingScheduler::winner(const search::History& history, Bracket& bracket, bool more) {
  for (std::size_t step = 0; step < bracket.steps.size(); ++step)
    if (!bracket.steps[step].complete && is_due(history, bracket, step, more))
      complete(history, bracket, step);
  for (std::size_t step = bracket.steps.size(); step-- > 0;) {
    Step& results = bracket.steps[step];
    while (!results.winners.empty()) {
      const search::Trial& trial = history[results.winners.front()];
      if (trial.state == TrialState::Paused && climb_of(trial.id).next == step + 1) return trial.id;
      results.winners.pop_front();
    }
  }
  return {};
}

/// Whether all trials that are to come to this milestone have come, or have ended.
bool HalvingScheduler::is_due(const search::History& history, const Bracket& bracket, std::size_t step,
                              bool more) const {
  if (step > 0) return bracket.steps[step - 1].complete && bracket.steps[step].awaited.empty();
  const std::size_t created = history.trials().size() - static_cast<std::size_t>(bracket.first);
  if (created < bracket.plan->trials && more) return false;
  return bracket.steps[step].passed == std::min(created, bracket.plan->trials);
}

void HalvingScheduler::complete(const search::History& history, Bracket& bracket, std::size_t step) {
  const std::size_t created = history.trials().size() - static_cast<std::size_t>(bracket.first);
  const auto trials = static_cast<double>(std::min(created, bracket.plan->trials));
  const double share = trials / std::pow(eta_, static_cast<double>(step) + 1);
  const auto wanted = std::max<std::size_t>(1, static_cast<std::size_t>(share + 1e-9));
  Step& results = bracket.steps[step];
  results.complete = true;
  for (const auto& [loss, trial] : results.arrived) {
    if (results.winners.size() == wanted) break;
    results.winners.push_back(trial);
    if (step + 1 < bracket.steps.size() && climb_of(trial).next == step + 1 &&
        !is_final(history[trial].state))
      bracket.steps[step + 1].awaited.insert(trial);
  }
}

HalvingScheduler::Climb& HalvingScheduler::climb_of(TrialId trial) {
  for (auto next = static_cast<std::int32_t>(climbs_.size()); next <= trial.value; ++next) {
    const bool full = brackets_.empty() || static_cast<std::size_t>(next - brackets_.back().first) ==
                                               brackets_.back().plan->trials;
    if (full) {
      const Plan& plan = plans_[brackets_.size() % plans_.size()];
      brackets_.push_back({&plan, next, std::vector<Step>(plan.milestones.size())});
    }
    climbs_.push_back({brackets_.size() - 1, 0, false});
  }
  return climbs_[static_cast<std::size_t>(trial.value)];
}

}  // namespace regatta::schedule
