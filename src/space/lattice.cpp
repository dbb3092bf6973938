#include "lattice.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::space {
namespace {

/// A bound such as 0.3 counts as a multiple of 0.1 although 0.3 / 0.1 is a little below 3: rounding of the
/// bound, of the step and of their quotient.
double slack(double quotient) { return 0x1p-50 * std::max(1.0, std::abs(quotient)); }

}  // namespace

double Lattice::at(double k) const {
  if (step == 1) return k;
  // A step that people type is m / 10^d; (k m) / 10^d is then rounded once and reads as they expect.
  double power = 1;
  for (int digits = 0; digits <= 15; ++digits, power *= 10) {
    const double whole = std::round(step * power);
    if (whole / power == step && std::abs(k * whole) < 0x1p53) return k * whole / power;
  }
  return k * step;
}

double Lattice::nearest(double value) const { return std::clamp(std::round(value / step), first, last); }

Lattice lattice_of(const Parameter& parameter) {
  if (parameter.kind == Kind::Int || parameter.kind == Kind::LogInt)
    return {parameter.low, parameter.high, 1};
  const double q = parameter.step;
  const double low = parameter.low / q, high = parameter.high / q;
  const double least = parameter.kind == Kind::QLogUniform ? 1 : -HUGE_VAL;
  return {std::max(std::ceil(low - slack(low)), least), std::floor(high + slack(high)), q};
}

}  // namespace regatta::space
