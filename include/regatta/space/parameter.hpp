#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/space/config.hpp"

namespace regatta::space {

/// Numbers that reach disk (/space/kind): never renumber.
enum class Kind : int {
  Uniform = 0,
  LogUniform = 1,
  QUniform = 2,
  QLogUniform = 3,
  Normal = 4,
  LogNormal = 5,
  Int = 6,
  LogInt = 7,
  Choice = 8,
  Ordinal = 9,
  Constant = 10,
  Grid = 11,
};

/// The word of the space language for `kind`: "uniform", "loguniform", ...
std::string_view name_of(Kind kind);

/// What one hyperparameter may be. Upper bounds are inclusive everywhere.
struct Parameter {
  std::string name;
  Kind kind = Kind::Uniform;
  double low = 0;   ///< lower bound; mean for normal and the mean of the logarithm for lognormal
  double high = 0;  ///< upper bound; standard deviation for normal and lognormal
  double step = 0;  ///< q of quniform and qloguniform, else 0
  std::vector<Value> categories;  ///< choice, ordinal, grid, constant (one entry): the values by index
  std::string definition;         ///< as the user wrote it, without the condition
  std::string condition;          ///< text after `if`, or empty

  /// Categories are indices into `categories` in a Config.
  bool categorical() const {
    return kind == Kind::Choice || kind == Kind::Ordinal || kind == Kind::Grid || kind == Kind::Constant;
  }
  /// Config entries are indices, whole numbers or multiples of `step`.
  bool discrete() const;
  /// Number of different values; none for continuous parameters.
  std::optional<double> cardinality() const;
  /// Value number `place` of a discrete parameter, ascending from 0 to cardinality() - 1.
  double nth(double place) const;

  /// Inverse of the distribution function: the value (Config entry) at `unit` in [0, 1).
  double decode(double unit) const;
  /// The unit coordinate of a value; decode(encode(v)) == v for discrete parameters, to rounding for others.
  double encode(double value) const;
  /// Whether `value` (a Config entry, not NaN) is one this parameter can take.
  bool contains(double value) const;
  /// The Config entry as people and programs see it.
  Value value(double entry) const;
};

}  // namespace regatta::space
