#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "regatta/search/history.hpp"

namespace regatta::search {

/// Makes losses of trials comparable that have trained for different numbers of epochs. The levels are the
/// epochs after which trials have paused or ended; from each to the next losses fall by the median fall of
/// the trials that have come to both, and these falls add up to the latest level.
class EpochOffsets {
 public:
  /// Takes the reports until `outcome`, which comes after those of earlier calls, and its epoch as a level.
  void take(const History& history, const Outcome& outcome);
  void clear();

  /// How far losses fall from `epoch`, a level, to the latest level.
  double fall_from(std::int32_t epoch);

 private:
  void measure();
  double median_fall(std::int32_t from, std::int32_t to) const;

  std::vector<std::map<std::int32_t, double>> curves_;  ///< losses by trial and epoch
  std::set<std::int32_t> levels_;
  std::map<std::int32_t, double> falls_;  ///< by level
  std::size_t reports_seen_ = 0;
  bool outdated_ = false;
};

}  // namespace regatta::search
