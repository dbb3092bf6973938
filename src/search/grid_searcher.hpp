#pragma once

#include <cstdint>
#include <deque>

#include "enumeration.hpp"
#include "regatta/search/searcher.hpp"

namespace regatta::search {

/// All points of a grid, the first parameter slowest; see Axis::points for the values of each parameter.
/// Infeasible points and those that were tried already are left out.
class GridSearcher : public Searcher {
 public:
  /// @throws InvalidInput  for grid_points below 1
  GridSearcher(const SearcherOptions& options, space::Space space);

  /// None when the whole grid was tried.
  std::optional<Config> propose(const History& history, TrialId trial,
                                const std::vector<Config>& avoid) override;

 private:
  struct Point {
    std::uint64_t hash;
    Config config;
  };

  void restart();
  bool fetch(const History& history);

  space::Space space_;
  Enumeration grid_;              ///< stands at the first point that was not looked at
  std::deque<Point> untried_;     ///< feasible points before it that the history did not have
  bool finished_ = false;         ///< all points were looked at
  std::size_t known_trials_ = 0;  ///< length of the history at the last call
};

}  // namespace regatta::search
