#include "embedding.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regatta::search {
namespace {

constexpr double angle = 0.5 * std::numbers::pi;  // pi rho
constexpr double word = 1 / std::numbers::sqrt2;

}  // namespace

Embedding::Embedding(const space::Space& space) : space_(space) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    const space::Parameter& parameter = space.parameters()[i];
    Place place;
    place.first = groups_.group_of.size();
    const double values = parameter.cardinality().value_or(0);
    const bool conditional = !parameter.condition.empty();
    if (parameter.discrete() || conditional) plain_ = false;
    if (values != 1 || conditional) {
      const bool words = parameter.kind == space::Kind::Choice || values == 1;
      place.form =
          words ? (conditional ? Form::ArcWords : Form::Words) : (conditional ? Form::Arc : Form::Line);
      place.count = words ? static_cast<std::size_t>(values) : conditional ? 2 : 1;
      if (parameter.discrete() && values > 1) discrete_.push_back(i);
      if (!parameter.discrete()) continuous_.push_back(i);
    }
    places_.push_back(place);
    if (place.count == 0) continue;
    if (place.form == Form::Line) groups_.lines.push_back(place.first);
    groups_.group_of.insert(groups_.group_of.end(), place.count, groups_.groups);
    ++groups_.groups;
  }
}

void Embedding::embed(std::span<const double> config, std::span<double> features) const {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    const std::span<double> own = features.subspan(place.first, place.count);
    if (place.form == Form::None) continue;
    std::ranges::fill(own, 0.0);
    if (std::isnan(config[i])) continue;
    if (place.form == Form::Words || place.form == Form::ArcWords) {
      own[static_cast<std::size_t>(config[i])] = word;
      continue;
    }
    const double unit = space_.parameters()[i].encode(config[i]);
    if (place.form == Form::Line) {
      own[0] = unit - 0.5;
    } else {
      own[0] = std::sin(angle * unit) / angle;
      own[1] = std::cos(angle * unit) / angle;
    }
  }
}

void Embedding::embed_plain(std::span<const double> unit, std::span<double> features) const {
  for (std::size_t i = 0; i < unit.size(); ++i) features[i] = unit[i] - 0.5;
}

void Embedding::pull_back(std::span<const double> config, std::span<const double> unit,
                          std::span<const double> by_feature, std::span<double> by_unit) const {
  std::ranges::fill(by_unit, 0.0);
  for (const std::size_t i : continuous_) {
    const Place& place = places_[i];
    if (std::isnan(config[i])) continue;
    if (place.form == Form::Line) {
      by_unit[i] = by_feature[place.first];
    } else {
      by_unit[i] = std::cos(angle * unit[i]) * by_feature[place.first] -
                   std::sin(angle * unit[i]) * by_feature[place.first + 1];
    }
  }
}

}  // namespace regatta::search
