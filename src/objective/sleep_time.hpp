#pragma once

#include <string>
#include <string_view>

#include "regatta/core/random.hpp"

namespace regatta::objective {

/// A distribution of durations in seconds, cut off at 0: "1s", "normal(1, 0.2)", "uniform(0.5, 1.5)",
/// "exponential(1)" (the mean), "lognormal(mu, sigma)" (of the logarithm of the seconds). Arguments other
/// than mu and sigma take units.
class SleepTime {
 public:
  /// @throws InvalidInput  with the rule and the text
  explicit SleepTime(std::string_view text);

  double draw(Random& random) const;
  /// Whether every draw is 0.
  bool zero() const { return kind_ == Kind::Fixed && first_ == 0; }

 private:
  enum class Kind { Fixed, Normal, Uniform, Exponential, LogNormal };

  Kind kind_ = Kind::Fixed;
  double first_ = 0;
  double second_ = 0;
};

}  // namespace regatta::objective
