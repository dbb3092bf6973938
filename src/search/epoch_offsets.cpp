#include "epoch_offsets.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

template <class Curve>
auto at_epoch(Curve& curve, std::int32_t epoch) {
  return std::ranges::lower_bound(curve, epoch, {}, [](const auto& point) { return point.first; });
}

}  // namespace

void EpochOffsets::take(const History& history, const Outcome& outcome) {
  curves_.resize(history.trials().size());
  for (; reports_seen_ < outcome.reports; ++reports_seen_) {
    const CurvePoint& point = history.reports()[reports_seen_];
    if (!std::isfinite(point.value)) continue;
    Curve& curve = curves_[static_cast<std::size_t>(point.trial.value)];
    const double loss = history.maximize() ? -point.value : point.value;
    const auto place = at_epoch(curve, point.epoch);
    if (place != curve.end() && place->first == point.epoch) {
      place->second = loss;
    } else {
      curve.emplace(place, point.epoch, loss);
    }
  }
  if (outcome.epoch > 0) levels_.insert(outcome.epoch);
  if (++outcomes_ < next_) return;
  next_ = outcomes_ + 1 + static_cast<std::size_t>(growth_ * static_cast<double>(outcomes_));
  outdated_ = true;
}

double EpochOffsets::fall_from(std::int32_t epoch) {
  if (outdated_) measure();
  const auto found = falls_.lower_bound(epoch);
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
    const auto end = at_epoch(curve, to), start = at_epoch(curve, from);
    const bool came_to_both = end != curve.end() && end->first == to && start->first == from;
    if (came_to_both) falls.push_back(start->second - end->second);
  }
  if (falls.empty()) return 0;
  const auto middle = falls.begin() + static_cast<std::ptrdiff_t>(falls.size() / 2);
  std::ranges::nth_element(falls, middle);
  return *middle;
}

}  // namespace regatta::search
