#include "epoch_offsets.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {

void EpochOffsets::clear() { *this = {}; }

void EpochOffsets::take(const History& history, const Outcome& outcome) {
  curves_.resize(history.trials().size());
  for (; reports_seen_ < outcome.reports; ++reports_seen_) {
    const CurvePoint& point = history.reports()[reports_seen_];
    if (!std::isfinite(point.value)) continue;
    curves_[static_cast<std::size_t>(point.trial.value)][point.epoch] =
        history.maximize() ? -point.value : point.value;
  }
  if (outcome.epoch > 0) levels_.insert(outcome.epoch);
  outdated_ = true;
}

double EpochOffsets::fall_from(std::int32_t epoch) {
  if (outdated_) measure();
  const auto found = falls_.find(epoch);
  return found == falls_.end() ? 0 : found->second;
}

void EpochOffsets::measure() {
  outdated_ = false;
  double fall = 0;
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    if (level != levels_.rbegin()) fall += median_fall(*level, *std::prev(level));
    falls_[*level] = fall;
  }
}

/// Of the trials that have reported both epochs; 0: there is none.
double EpochOffsets::median_fall(std::int32_t from, std::int32_t to) const {
  std::vector<double> falls;
  for (const auto& curve : curves_) {
    const auto end = curve.find(to);
    if (end == curve.end()) continue;
    const auto start = curve.find(from);
    if (start != curve.end()) falls.push_back(start->second - end->second);
  }
  if (falls.empty()) return 0;
  const auto middle = falls.begin() + static_cast<std::ptrdiff_t>(falls.size() / 2);
  std::ranges::nth_element(falls, middle);
  return *middle;
}

}  // namespace regatta::search
