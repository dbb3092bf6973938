#include "part.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regatta::search {
std::size_t word_at(double unit, std::size_t words) {
  return std::min(words - 1, static_cast<std::size_t>(unit * static_cast<double>(words)));
}

space::UnitPoint place_of(const space::Space& space, const space::Config& config) {
  space::UnitPoint place = space.encode(config);
  for (std::size_t k = 0; k < place.size(); ++k)
    if (std::isnan(config[k])) place[k] = std::numeric_limits<double>::quiet_NaN();
  return place;
}

space::UnitPoint unit_at(space::UnitPoint place) {
  for (double& unit : place)
    if (std::isnan(unit)) unit = 0.5;
  return place;
}

space::Config config_at(const space::Space& space, const space::UnitPoint& place) {
  return space.decode(unit_at(place));
}

std::size_t Split::child(std::span<const double> place) const {
  const double unit = place[parameter];
  if (kind == Kind::Activity) return std::isnan(unit) ? 1 : 0;
  if (std::isnan(unit)) return 0;
  if (kind == Kind::Words) return child_of[word_at(unit, child_of.size())];
  return static_cast<std::size_t>(std::ranges::upper_bound(borders, unit) - borders.begin());
}

bool Part::contains(std::span<const double> place) const {
  for (std::size_t k = 0; k < sides_.size(); ++k) {
    const Side& side = sides_[k];
    if (std::isnan(place[k])) {
      if (!side.may_be_inactive) return false;
    } else if (!side.may_be_active || place[k] < side.low || place[k] >= side.high ||
               (!side.words.empty() && !side.words[word_at(place[k], side.words.size())])) {
      return false;
    }
  }
  return true;
}

Part Part::child(const Split& split, std::size_t number) const {
  Part part = *this;
  Side& side = part.sides_[split.parameter];
  if (split.kind == Split::Kind::Activity) {
    (number == 0 ? side.may_be_inactive : side.may_be_active) = false;
    part.box_ = false;
    return part;
  }
  if (number > 0) side.may_be_inactive = false;
  if (split.kind == Split::Kind::Borders) {
    if (number > 0) side.low = split.borders[number - 1];
    if (number < split.borders.size()) side.high = split.borders[number];
    return part;
  }
  side.words.resize(split.child_of.size(), true);
  for (std::size_t w = 0; w < side.words.size(); ++w)
    side.words[w] = side.words[w] && split.child_of[w] == number;
  part.box_ = false;
  return part;
}

Region Part::box(double margin) const {
  Region region = Region::everything(sides_.size());
  for (std::size_t k = 0; k < sides_.size(); ++k) {
    const Side& side = sides_[k];
    if (!side.words.empty()) {
      const auto first = std::ranges::find(side.words, true) - side.words.begin();
      const auto last = side.words.rend() - std::find(side.words.rbegin(), side.words.rend(), true);
      const double words = static_cast<double>(side.words.size());
      region.low[k] = static_cast<double>(first) / words;
      region.high[k] = std::min(region.high[k], static_cast<double>(last) / words);
    } else {
      region.low[k] = std::max(region.low[k], side.low - margin * side.width());
      region.high[k] = std::min(region.high[k], side.high + margin * side.width());
    }
  }
  return region;
}

double Part::squared_distance(std::span<const double> place) const {
  double squared = 0;
  for (std::size_t k = 0; k < sides_.size(); ++k) {
    const Side& side = sides_[k];
    if (std::isnan(place[k])) {
      squared += side.may_be_inactive ? 0 : 1;
      continue;
    }
    const bool other_word = !side.words.empty() && !side.words[word_at(place[k], side.words.size())];
    const double gap = std::max({0.0, side.low - place[k], place[k] - side.high});
    squared += other_word || !side.may_be_active ? 1 : std::pow(gap / side.width(), 2);
  }
  return squared;
}

}  // namespace regatta::search
