#include "grid_searcher.hpp"

#include <algorithm>
#include <unordered_set>

#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

struct Hash {
  std::size_t operator()(const Config& config) const { return config_hash(config); }
};

struct Same {
  bool operator()(const Config& a, const Config& b) const { return same_config(a, b); }
};

constexpr int infeasible_limit = 10'000'000;

std::vector<Axis> axes_of(const space::Space& space, int points) {
  require(points >= 1, "a grid needs at least 1 point per axis, got ", points);
  std::vector<Axis> axes;
  for (const space::Parameter& parameter : space.parameters())
    axes.push_back(Axis::points(parameter, points));
  return axes;
}

/// Goes on from the present point to the first feasible one; false when there is none before the end.
bool go_to_feasible(Enumeration& grid, const space::Space& space) {
  for (int tries = 0; tries < infeasible_limit; ++tries) {
    if (space.feasible(grid.config())) return true;
    if (!grid.advance()) return false;
  }
  throw SystemFailure(concat("no point that meets the constraints among ", infeasible_limit,
                             " points of the grid in a row: use search.algorithm = sobol"));
}

}  // namespace

GridSearcher::GridSearcher(const SearcherOptions& options, space::Space space)
    : space_(std::move(space)), grid_(space_, axes_of(space_, options.grid_points)) {}

std::optional<Config> GridSearcher::propose(const History& history, TrialId,
                                            const std::vector<Config>& avoid) {
  if (history.trials().size() < known_trials_)
    restart();  // another history: what was passed with the last may be new
  known_trials_ = history.trials().size();
  std::erase_if(untried_, [&](const Config& config) { return history.contains(config); });
  // Nearly all of `untried_` is in `avoid`: looking each one up keeps this linear.
  const std::unordered_set<Config, Hash, Same> ahead(avoid.begin(), avoid.end());
  const auto free = [&](const Config& config) { return !ahead.contains(config); };
  const auto found = std::ranges::find_if(untried_, free);
  if (found != untried_.end()) return *found;
  while (fetch(history))
    if (free(untried_.back())) return untried_.back();
  return {};
}

void GridSearcher::restart() {
  grid_.restart();
  untried_.clear();
  finished_ = false;
}

/// Appends the next point of the grid that is feasible and not in the history; false when there is none.
bool GridSearcher::fetch(const History& history) {
  while (!finished_) {
    finished_ = !go_to_feasible(grid_, space_);
    if (finished_) break;
    const bool fresh = !history.contains(grid_.config());
    if (fresh) untried_.push_back(grid_.config());
    finished_ = !grid_.advance();
    if (fresh) return true;
  }
  return false;
}

}  // namespace regatta::search
