#include "enumeration.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

using space::Kind;
using space::Parameter;

constexpr double below_one = 1.0 - 0x1p-53;

bool unbounded(const Parameter& parameter) {
  return parameter.kind == Kind::Normal || parameter.kind == Kind::LogNormal;
}

/// Value `index` of `points` values evenly spaced in the unit coordinate.
double spaced_value(const Parameter& parameter, int index, int points) {
  if (points == 1 || unbounded(parameter)) return parameter.decode((index + 0.5) / points);
  const bool continuous = !parameter.discrete();
  // decode(1) is outside its domain, and rounding would miss the bounds that the user wrote.
  if (continuous && index == 0) return parameter.low;
  if (continuous && index == points - 1) return parameter.high;
  return parameter.decode(std::min(static_cast<double>(index) / (points - 1), below_one));
}

}  // namespace

Axis::Axis(std::vector<double> listed) : listed_(std::move(listed)) {
  std::ranges::sort(listed_);
  listed_.erase(std::unique(listed_.begin(), listed_.end()), listed_.end());
  size_ = listed_.size();
}

Axis::Axis(const Parameter& parameter)
    : size_(static_cast<std::size_t>(parameter.cardinality().value())), discrete_(parameter) {}

Axis Axis::all(const Parameter& parameter) {
  require(parameter.discrete(), "'", parameter.name, "' is continuous: its values cannot be listed");
  return Axis(parameter);
}

Axis Axis::points(const Parameter& parameter, int points) {
  const auto cardinality = parameter.cardinality();
  if (parameter.categorical() || (cardinality && *cardinality <= points)) return all(parameter);
  std::vector<double> values(static_cast<std::size_t>(points));
  for (int k = 0; k < points; ++k) values[static_cast<std::size_t>(k)] = spaced_value(parameter, k, points);
  return Axis(std::move(values));
}

std::size_t Axis::place_of(double value) const {
  std::size_t low = 0, high = size_;
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    ((*this)[middle] <= value ? low : high) = middle;
  }
  return low;
}

Enumeration::Enumeration(space::Space space, std::vector<Axis> axes)
    : space_(std::move(space)), axes_(std::move(axes)), digits_(axes_.size()), config_(axes_.size()) {
  require(axes_.size() == space_.size(), "one axis per parameter: expected ", space_.size(), ", got ",
          axes_.size());
  restart();
}

bool Enumeration::advance() {
  for (std::size_t i = axes_.size(); i-- > 0;) {
    const bool active = !std::isnan(config_[i]);
    if (!active || digits_[i] + 1 == axes_[i].size()) continue;
    config_[i] = axes_[i][++digits_[i]];
    reset_from(i + 1);
    return true;
  }
  restart();
  return false;
}

void Enumeration::seek(const space::Config& config) {
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    digits_[i] = std::isnan(config[i]) ? 0 : axes_[i].place_of(config[i]);
    config_[i] = axes_[i][digits_[i]];
  }
  space_.deactivate(config_);
}

// A condition reads only parameters that stand before its own, so entries before `index` keep their activity.
void Enumeration::reset_from(std::size_t index) {
  for (std::size_t i = index; i < axes_.size(); ++i) {
    digits_[i] = 0;
    config_[i] = axes_[i][0];
  }
  space_.deactivate(config_);
}

}  // namespace regatta::search
