#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "regatta/search/history.hpp"

namespace regatta::search {

/// Makes losses of trials comparable that have trained for different numbers of epochs. The levels are the
/// epochs after which trials have paused or ended; from each to the next losses fall by the median fall of
/// the trials that have come to both, and these falls add up to the latest level.
class EpochOffsets {
 public:
  /// @param growth  falls are measured anew when there are so many more outcomes, as a part of all; 0: after
  ///                each
  explicit EpochOffsets(double growth = 0) : growth_(growth) {}

  /// Takes the reports until `outcome`, which comes after those of earlier calls, and its epoch as a level.
  void take(const History& history, const Outcome& outcome);
  void clear() { *this = EpochOffsets(growth_); }

  /// How far losses fall from the first level that is not before `epoch` to the latest level.
  double fall_from(std::int32_t epoch);
  /// The next call of fall_from() measures anew.
  bool outdated() const { return outdated_; }

 private:
  using Curve = std::vector<std::pair<std::int32_t, double>>;  ///< losses by epoch

  void measure();
  double median_fall(std::int32_t from, std::int32_t to) const;

  double growth_;
  std::size_t outcomes_ = 0, next_ = 1;
  std::vector<Curve> curves_;  ///< by trial
  std::set<std::int32_t> levels_;
  std::map<std::int32_t, double> falls_;  ///< by level
  std::size_t reports_seen_ = 0;
  bool outdated_ = false;
};

}  // namespace regatta::search
