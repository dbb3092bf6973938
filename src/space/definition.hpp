#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "regatta/space/parameter.hpp"

namespace regatta::space {

/// A definition taken apart: `distribution(arguments) [if condition]`.
struct ParsedDefinition {
  Parameter parameter;
  std::optional<std::size_t> condition_offset;  ///< of the text after `if`
};

/// @throws InvalidInput  one sentence with rule, value and the nearest known distribution
ParsedDefinition parse_definition(std::string_view name, std::string_view text);

/// Empty when `name` may name a parameter or constraint, else the rule that it breaks.
std::string name_violation(std::string_view name);

/// The Config entry that `text` means for `parameter`.
/// @throws InvalidInput  not one of its values
double entry_of(const Parameter& parameter, std::string_view text);

}  // namespace regatta::space
