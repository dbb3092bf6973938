#include "grid_searcher.hpp"

#include <cstdint>
#include <unordered_set>

#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

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
  // Two configurations of one hash would only be proposed in another order.
  std::unordered_set<std::uint64_t> ahead;
  for (const Config& config : avoid) ahead.insert(config_hash(config));
  for (auto point = untried_.begin(); point != untried_.end();) {
    if (ahead.contains(point->hash))
      ++point;
    else if (history.contains(point->config))
      point = untried_.erase(point);
    else
      return point->config;
  }
  while (fetch(history))
    if (!ahead.contains(untried_.back().hash)) return untried_.back().config;
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
    if (fresh) untried_.push_back({config_hash(grid_.config()), grid_.config()});
    finished_ = !grid_.advance();
    if (fresh) return true;
  }
  return false;
}

}  // namespace regatta::search
