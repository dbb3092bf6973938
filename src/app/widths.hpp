#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "regatta/search/trial.hpp"
#include "regatta/space/space.hpp"

namespace regatta::app {

/// Least and largest number of ranks that the parameter `ranks_per_trial` may ask for.
/// @throws InvalidInput  it may be something else than a whole number, or is not there for every configuration
std::pair<int, int> width_range(const space::Parameter& parameter);

/// How many workers a configuration takes; empty where the space has no such parameter.
std::function<std::int32_t(const search::Config&)> width_in(const space::Space& space);

}  // namespace regatta::app
