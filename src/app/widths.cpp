#include "widths.hpp"

#include <algorithm>

#include "regatta/core/error.hpp"
#include "regatta/objective/objective.hpp"

namespace regatta::app {
namespace {

int whole(const space::Value& value, const space::Parameter& parameter) {
  const auto* number = std::get_if<std::int64_t>(&value);
  require(number, parameter.name, " must be a whole number, got ", parameter.definition);
  return static_cast<int>(*number);
}

}  // namespace

std::pair<int, int> width_range(const space::Parameter& parameter) {
  require(parameter.condition.empty(), parameter.name, " must hold for every trial, so it takes no condition");
  if (!parameter.categorical()) {
    require(parameter.kind == space::Kind::Int || parameter.kind == space::Kind::LogInt, parameter.name, " must be a whole number, got ", parameter.definition);
    return {static_cast<int>(parameter.low), static_cast<int>(parameter.high)};
  }
  std::pair<int, int> range{whole(parameter.categories.front(), parameter), 0};
  for (const space::Value& value : parameter.categories) {
    range.first = std::min(range.first, whole(value, parameter));
    range.second = std::max(range.second, whole(value, parameter));
  }
  return range;
}

std::function<std::int32_t(const search::Config&)> width_in(const space::Space& space) {
  const auto index = space.index_of(objective::width_parameter);
  if (!index) return {};
  return [space, index = *index](const search::Config& config) {
    return static_cast<std::int32_t>(std::get<std::int64_t>(space.value(config, index)));
  };
}

}  // namespace regatta::app
