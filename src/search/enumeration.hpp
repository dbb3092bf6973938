#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "regatta/space/space.hpp"

namespace regatta::search {

/// The values (Config entries) that one parameter takes in an enumeration, in ascending order and all
/// different.
class Axis {
 public:
  /// All values of a parameter with finite cardinality.
  static Axis all(const space::Parameter& parameter);
  /// All values of categories and of discrete parameters with at most `points` values; else `points` values
  /// evenly spaced in the unit coordinate: from bound to bound, or the middles of equal shares for
  /// (log)normal parameters. Values that agree after rounding are one.
  static Axis points(const space::Parameter& parameter, int points);

  std::size_t size() const { return size_; }
  double operator[](std::size_t place) const {
    return discrete_ ? discrete_->nth(static_cast<double>(place)) : listed_[place];
  }
  /// The place of `value`, which lies on the axis.
  std::size_t place_of(double value) const;

 private:
  explicit Axis(std::vector<double> listed);
  explicit Axis(const space::Parameter& parameter);

  std::size_t size_ = 0;
  std::optional<space::Parameter> discrete_;  ///< all of its values; none: the values are listed
  std::vector<double> listed_;
};

/// Walks over the product of axes in lexicographic order, the first parameter slowest. Each configuration
/// that differs comes once: a parameter whose condition does not hold stands still. Constraints are not
/// looked at.
class Enumeration {
 public:
  Enumeration(space::Space space, std::vector<Axis> axes);

  const space::Config& config() const { return config_; }
  /// Goes to the first configuration.
  void restart() { reset_from(0); }
  /// Goes to the next configuration; after the last one comes the first, and the answer is false.
  bool advance();
  /// Goes to the place of `config`, whose entries lie on the axes.
  void seek(const space::Config& config);

 private:
  void reset_from(std::size_t index);

  space::Space space_;
  std::vector<Axis> axes_;
  std::vector<std::size_t> digits_;
  space::Config config_;
};

}  // namespace regatta::search
