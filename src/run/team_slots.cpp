#include "team_slots.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

/// Trials to choose from per worker: enough for each width to be among them, few enough for proposals not to age.
constexpr std::size_t choice_per_worker = 2, largest_choice = 32;
/// A trial is the next once so many trials per worker have overtaken it.
constexpr std::size_t patience = 4;

}  // namespace

TeamSlots::TeamSlots(std::int32_t workers, std::vector<std::int32_t> nodes)
    : free_(static_cast<std::size_t>(workers), true), nodes_(std::move(nodes)) {
  nodes_.resize(free_.size(), 0);
  std::map<std::int32_t, std::int32_t> sizes;
  for (const std::int32_t node : nodes_) widest_node_ = std::max(widest_node_, ++sizes[node]);
}

bool TeamSlots::wants_more() const {
  return waiting_.size() < std::min(choice_per_worker * free_.size(), largest_choice);
}

bool TeamSlots::waits(TrialId trial) const {
  return std::ranges::find(waiting_, trial, &Waiting::trial) != waiting_.end();
}

void TeamSlots::add(TrialId trial, std::int32_t width, WorkerId prefer) {
  require(width >= 1 && width <= std::ssize(free_), "trial ", trial.value, " needs ", width,
          " workers at once, and there are ", free_.size());
  waiting_.push_back({trial, width, prefer});
}

void TeamSlots::add_first(TrialId trial, std::int32_t width, WorkerId prefer) {
  add(trial, width, prefer);
  waiting_.back().overtaken = std::numeric_limits<std::size_t>::max() / 2;
  std::ranges::rotate(waiting_, std::prev(waiting_.end()));
}

std::optional<TeamSlots::Start> TeamSlots::next() {
  if (waiting_.empty()) return {};
  const bool only_first = waiting_.front().overtaken >= patience * free_.size();
  auto chosen = waiting_.end();
  std::vector<WorkerId> team;
  for (auto each = waiting_.begin(); each != (only_first ? std::next(waiting_.begin()) : waiting_.end()); ++each) {
    if (chosen != waiting_.end() && each->width <= chosen->width) continue;
    if (auto possible = team_for(*each); !possible.empty()) {
      chosen = each;
      team = std::move(possible);
    }
  }
  if (chosen == waiting_.end()) return {};
  for (const WorkerId worker : team) free_[static_cast<std::size_t>(worker.value)] = false;
  for (auto older = waiting_.begin(); older != chosen; ++older) ++older->overtaken;
  const TrialId trial = chosen->trial;
  waiting_.erase(chosen);
  teams_[trial] = team;
  return Start{trial, std::move(team)};
}

void TeamSlots::release(TrialId trial) {
  if (const auto team = teams_.extract(trial))
    for (const WorkerId worker : team.mapped()) free_[static_cast<std::size_t>(worker.value)] = true;
}

std::vector<WorkerId> TeamSlots::free_on(std::int32_t node) const {
  std::vector<WorkerId> workers;
  for (std::size_t i = 0; i < free_.size(); ++i)
    if (free_[i] && nodes_[i] == node) workers.push_back(WorkerId{static_cast<std::int32_t>(i)});
  return workers;
}

/// Of the node where fewest are left over; empty: not enough are free.
std::vector<WorkerId> TeamSlots::team_for(const Waiting& trial) const {
  const bool one_node = trial.width <= widest_node_;
  std::vector<WorkerId> best;
  for (const std::int32_t node : std::set<std::int32_t>(nodes_.begin(), nodes_.end())) {
    std::vector<WorkerId> workers = free_on(node);
    if (!one_node) {
      best.insert(best.end(), workers.begin(), workers.end());
    } else if (std::ssize(workers) >= trial.width && (best.empty() || workers.size() < best.size())) {
      best = std::move(workers);
    }
  }
  if (std::ssize(best) < trial.width) return {};
  if (const auto own = std::ranges::find(best, trial.prefer); own != best.end()) std::rotate(best.begin(), own, std::next(own));
  best.resize(static_cast<std::size_t>(trial.width));
  return best;
}

}  // namespace regatta::run
