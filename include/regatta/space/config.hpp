#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace regatta::space {

/// One assignment of the parameters of a Space, in the order of Space::parameters().
///
/// Every entry is a plain number, so that a Config travels and is logged as its doubles: the value itself for
/// numeric parameters (integers are exact up to 2^53), the index of the category for choice, ordinal and
/// grid, and NaN for a parameter whose condition does not hold.
using Config = std::vector<double>;

/// A point of the unit cube: one coordinate in [0, 1) per parameter (inactive ones too).
using UnitPoint = std::vector<double>;

/// What a parameter's value is to people and programs: inactive, a whole number, a number or a word.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

/// "5", "0.01", "relu"; empty for an inactive one.
std::string to_text(const Value& value);

}  // namespace regatta::space
