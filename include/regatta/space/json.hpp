#pragma once

#include <span>

#include "regatta/core/json.hpp"
#include "regatta/space/space.hpp"

namespace regatta::space {

/// A parameter's value; null for an inactive one.
Json to_json(const Value& value);
/// The active parameters of a Config by name.
Json to_json(const Space& space, std::span<const double> config);

}  // namespace regatta::space
