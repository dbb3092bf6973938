#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "expression.hpp"
#include "regatta/space/space.hpp"

namespace regatta::space {

/// All that a Space knows.
struct Model {
  std::vector<Parameter> parameters;
  std::vector<std::optional<Expression>> conditions;  ///< per parameter
  std::vector<Expression> constraints;
  std::vector<Definition> definitions;
  std::vector<Definition> constraint_definitions;
  std::map<std::string, std::size_t, std::less<>> places;  ///< of parameters by name
  std::optional<double> cardinality = 1;                   ///< Space::cardinality; 1 for no parameter

  /// Whether the condition of parameter `index` holds; reads only entries before it.
  bool active(std::size_t index, std::span<const double> config) const {
    return !conditions[index] || conditions[index]->is_true(config);
  }
};

/// Space::cardinality.
std::optional<double> count_configurations(const Model& model);

/// Tries up to 100,000 configurations (all of a space that has no more, else random ones) and reports the
/// constraints that none of them meets, or all together.
void check_satisfiable(const Model& model, Problems& problems);

}  // namespace regatta::space
