#include "asha_scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "regatta/core/random.hpp"

namespace regatta::schedule {
namespace {

using search::TrialState;

constexpr double worst = std::numeric_limits<double>::infinity();

}  // namespace

AshaScheduler::AshaScheduler(const SchedulerOptions& options, const StudyFacts& facts)
    : promotion_(options.promotion), seed_(derive_seed(facts.seed, 0x61736861)) {
  double first = options.grace_period, sum = 0;
  for (int b = 0; b < options.brackets; ++b, first *= options.eta) {
    Bracket bracket;
    bracket.milestones = geometric_milestones(first, options.eta, facts.epochs);
    const std::size_t rungs = bracket.milestones.size();
    bracket.rungs.assign(rungs, Rung(options.eta, promotion_ ? 0 : 1));
    // HyperBand's number of trials in a bracket with so many halvings.
    const double trials = std::ceil(std::pow(options.eta, static_cast<double>(rungs)) *
                                    static_cast<double>(options.brackets) / (static_cast<double>(rungs) + 1));
    bracket.share = sum += trials;
    brackets_.push_back(std::move(bracket));
  }
  for (Bracket& bracket : brackets_) bracket.share /= sum;
}

Job AshaScheduler::choose_trial_to_run(const search::History& history, bool) {
  if (!promotion_) return {};
  catch_up(history);
  for (std::size_t rung = highest_goal(history); rung-- > 0;)
    for (Bracket& bracket : brackets_)
      if (const TrialId trial = promotable(history, bracket, rung); trial.valid())
        return {Job::Kind::Resume, trial};
  return {};
}

std::size_t AshaScheduler::highest_goal(const search::History&) {
  std::size_t highest = 0;
  for (const Bracket& bracket : brackets_) highest = std::max(highest, bracket.rungs.size());
  return highest;
}

/// The best paused trial of the rung that is to go on; none if there is no such.
TrialId AshaScheduler::promotable(const search::History& history, Bracket& bracket, std::size_t rung) {
  if (rung >= bracket.rungs.size()) return {};
  Rung& results = bracket.rungs[rung];
  while (!results.candidates().empty()) {
    const Rung::Entry best = *results.candidates().begin();
    if (best.first == worst) return {};
    const search::Trial& trial = history[best.second];
    if (trial.state == TrialState::Paused && climb_of(trial.id).next == rung + 1) return trial.id;
    results.set_aside(best);  // it runs on its way to the next rung, or has ended
  }
  return {};
}

std::int32_t AshaScheduler::until_epoch(const search::History& history, const search::Trial& trial) {
  if (!promotion_) return 0;
  catch_up(history);
  const Climb& climb = climb_of(trial.id);
  const auto& milestones = brackets_[climb.bracket].milestones;
  return climb.next < milestones.size() ? milestones[climb.next] : 0;
}

Decision AshaScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  catch_up(history);
  if (!std::isfinite(report.value)) return {Answer::Stop};
  if (promotion_) return {climb_of(report.trial).crossed > 0 ? Answer::Pause : Answer::Continue};
  return {survives(history, report) ? Answer::Continue : Answer::Stop};
}

bool AshaScheduler::survives(const search::History& history, const search::TrialReported& report) {
  const Climb& climb = climb_of(report.trial);
  const Rung::Entry entry{loss_of(history, report.value), report.trial};
  for (std::size_t rung = climb.next - climb.crossed; rung < climb.next; ++rung)
    if (!brackets_[climb.bracket].rungs[rung].among_best(entry)) return false;
  return true;
}

void AshaScheduler::catch_up(const search::History& history) {
  for (; reports_seen_ < history.reports().size(); ++reports_seen_)
    climb(history, history.reports()[reports_seen_]);
  for (; finished_seen_ < history.finished().size(); ++finished_seen_)
    fall(history, history[history.finished()[finished_seen_]]);
}

void AshaScheduler::climb(const search::History& history, const search::CurvePoint& report) {
  Climb& climb = climb_of(report.trial);
  Bracket& bracket = brackets_[climb.bracket];
  climb.crossed = 0;
  const double loss = loss_of(history, report.value);
  if (loss == worst) return;  // counts when the trial has ended for it
  for (; climb.next < bracket.milestones.size() && report.epoch >= bracket.milestones[climb.next];
       ++climb.next) {
    bracket.rungs[climb.next].insert({loss, report.trial});
    ++climb.crossed;
  }
}

void AshaScheduler::fall(const search::History&, const search::Trial& trial) {
  if (trial.state != TrialState::Failed || trial.reason == search::Reason::Invalid) return;
  const Climb& climb = climb_of(trial.id);
  Bracket& bracket = brackets_[climb.bracket];
  if (climb.next < bracket.rungs.size()) bracket.rungs[climb.next].insert({worst, trial.id});
}

std::size_t AshaScheduler::bracket_of(TrialId trial) const {
  if (brackets_.size() == 1) return 0;
  const double place = Random(seed_, static_cast<std::uint64_t>(trial.value)).uniform();
  const auto found =
      std::ranges::find_if(brackets_, [&](const Bracket& bracket) { return place < bracket.share; });
  return found == brackets_.end() ? brackets_.size() - 1
                                  : static_cast<std::size_t>(found - brackets_.begin());
}

AshaScheduler::Climb& AshaScheduler::climb_of(TrialId trial) {
  for (auto next = static_cast<std::int32_t>(climbs_.size()); next <= trial.value; ++next)
    climbs_.push_back({bracket_of(TrialId{next}), 0, 0});
  return climbs_[static_cast<std::size_t>(trial.value)];
}

}  // namespace regatta::schedule
