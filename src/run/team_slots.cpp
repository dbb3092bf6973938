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

TeamSlots::TeamSlots(std::int32_t workers, std::vector<std::int32_t> nodes, bool elastic)
    : free_(static_cast<std::size_t>(workers), true),
      free_count_(free_.size()),
      nodes_(std::move(nodes)),
      elastic_(elastic) {
  nodes_.resize(free_.size(), 0);
  std::map<std::int32_t, std::int32_t> sizes;
  for (const std::int32_t node : nodes_) widest_node_ = std::max(widest_node_, ++sizes[node]);
}

bool TeamSlots::wants_more() const {
  if (elastic_) return waiting_.size() + teams_.size() < free_.size();
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
  if (elastic_) return next_of_equals();
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
  for (auto older = waiting_.begin(); older != chosen; ++older) ++older->overtaken;
  const TrialId trial = chosen->trial;
  waiting_.erase(chosen);
  occupy(trial, team);
  return Start{trial, std::move(team)};
}

std::optional<TeamSlots::Start> TeamSlots::next_of_equals() {
  if (free_count_ == 0) return {};
  const Waiting first = waiting_.front();
  waiting_.pop_front();
  return Start{first.trial, form(first.trial, first.prefer)};
}

std::vector<WorkerId> TeamSlots::form(TrialId trial, WorkerId prefer) {
  const std::size_t left =
      free_count_ - std::min(free_count_ - 1, waiting_.size());  // one for each that waits, as far as they go
  const std::size_t width = std::min(left, share(teams_.size() + waiting_.size() + 1));
  Waiting wish{trial, static_cast<std::int32_t>(width), prefer};
  std::vector<WorkerId> team = team_for(wish);
  for (; team.empty(); team = team_for(wish)) --wish.width;  // no node has so many free ones
  occupy(trial, team);
  return team;
}

std::vector<TrialId> TeamSlots::misfits(const std::function<bool(TrialId)>& ready) {
  if (waiting_.empty() ? !all_here_ || free_count_ == 0 : free_count_ > 0) return {};
  const std::size_t fair = share(teams_.size() + waiting_.size());
  std::size_t claimed = 0,
              coming = 0;  // workers that the leaving ones take beside their own, or leave if need be
  std::vector<std::pair<std::size_t, TrialId>> staying;
  for (const auto& [trial, team] : teams_) {
    if (leaving_.contains(trial)) {
      claimed += fair - std::min(fair, team.size());
      coming += team.size() - 1;
    } else if (ready(trial)) {
      staying.emplace_back(team.size(), trial);
    }
  }
  std::vector<TrialId> chosen;
  if (!waiting_.empty()) {
    std::ranges::sort(staying, std::greater<>());
    for (auto widest = staying.begin();
         widest != staying.end() && widest->first > 1 && coming < waiting_.size(); ++widest) {
      coming += widest->first - 1;
      chosen.push_back(widest->second);
    }
  } else {
    // Of equally narrow ones the latest has most to do yet, as a rule.
    std::ranges::sort(staying, [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    });
    for (auto narrowest = staying.begin(); narrowest != staying.end() && claimed < free_count_; ++narrowest) {
      const std::size_t reached = reach(teams_.at(narrowest->second), fair);
      if (reached <= narrowest->first) continue;
      claimed += reached - narrowest->first;
      chosen.push_back(narrowest->second);
    }
  }
  leaving_.insert(chosen.begin(), chosen.end());
  return chosen;
}

/// How many of `wanted` workers form() could give the trial of this team.
std::size_t TeamSlots::reach(const std::vector<WorkerId>& team, std::size_t wanted) const {
  std::map<std::int32_t, std::size_t> within;
  std::size_t most = 0;
  for (std::size_t i = 0; i < free_.size(); ++i) {
    const bool own = std::ranges::find(team, WorkerId{static_cast<std::int32_t>(i)}) != team.end();
    const bool anywhere = static_cast<std::int32_t>(wanted) > widest_node_;
    if (free_[i] || own) most = std::max(most, ++within[anywhere ? 0 : nodes_[i]]);
  }
  return std::min(wanted, most);
}

/// Of each of so many trials, rounded up: the last ones that start have what is left.
std::size_t TeamSlots::share(std::size_t trials) const {
  return all_here_ && trials > 0 ? (free_.size() + trials - 1) / trials : 1;
}

void TeamSlots::occupy(TrialId trial, const std::vector<WorkerId>& team) {
  for (const WorkerId worker : team) free_[static_cast<std::size_t>(worker.value)] = false;
  free_count_ -= team.size();
  teams_[trial] = team;
}

void TeamSlots::release(TrialId trial) {
  leaving_.erase(trial);
  const auto team = teams_.extract(trial);
  if (!team) return;
  for (const WorkerId worker : team.mapped()) free_[static_cast<std::size_t>(worker.value)] = true;
  free_count_ += team.mapped().size();
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
