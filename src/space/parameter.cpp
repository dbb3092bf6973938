#include "regatta/space/parameter.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "lattice.hpp"

namespace regatta::space {
namespace {

constexpr double below_one = 1 - 0x1p-53;  // the largest number under 1

/// Largest value of a standard normal number that a unit coordinate can stand for is about 8.3.
constexpr double smallest_probability = 0x1p-54;

/// P(Z < z) of a standard normal number.
double normal_probability(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// z with P(Z < z) = p: the rational start of Abramowitz and Stegun 26.2.23 (error below 4.5e-4), then two
/// steps of Halley's method, which triples the correct digits each time. Worked on the smaller tail, where no
/// digits cancel.
double normal_quantile(double p) {
  const double tail = std::min(p, 1 - p);
  const double t = std::sqrt(-2 * std::log(tail));
  double z =
      t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int step = 0; step < 2; ++step) {
    const double density = std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    const double newton = (normal_probability(-z) - tail) / density;
    z += newton / (1 - 0.5 * newton * z);
  }
  return p < 0.5 ? -z : z;
}

double decode_normal(const Parameter& parameter, double unit) {
  return parameter.low + parameter.high * normal_quantile(std::clamp(unit, smallest_probability, below_one));
}

/// Cell k of a logarithmic lattice reaches from log(k - 1/2) to log(k + 1/2), so that its share is its width
/// there.
double decode_log_lattice(const Lattice& lattice, double unit) {
  const double low = std::log(lattice.first - 0.5), high = std::log(lattice.last + 0.5);
  const double k = std::round(std::exp(low + unit * (high - low)));
  return lattice.at(std::clamp(k, lattice.first, lattice.last));
}

double encode_log_lattice(const Lattice& lattice, double value) {
  const double low = std::log(lattice.first - 0.5), high = std::log(lattice.last + 0.5);
  const double k = lattice.nearest(value);
  return (0.5 * (std::log(k - 0.5) + std::log(k + 0.5)) - low) / (high - low);
}

/// Place of the one of `count` equal cells of [0, 1) that `unit` lies in.
double cell_of(double unit, double count) { return std::clamp(std::floor(unit * count), 0.0, count - 1); }

double encode_unclamped(const Parameter& parameter, double value) {
  const double low = parameter.low, high = parameter.high;
  switch (parameter.kind) {
    case Kind::Uniform:
      return (value - low) / (high - low);
    case Kind::LogUniform:
      return std::log(value / low) / std::log(high / low);
    case Kind::Normal:
      return normal_probability((value - low) / high);
    case Kind::LogNormal:
      return normal_probability((std::log(value) - low) / high);
    case Kind::LogInt:
    case Kind::QLogUniform:
      return encode_log_lattice(lattice_of(parameter), value);
    case Kind::Int:
    case Kind::QUniform: {
      const Lattice lattice = lattice_of(parameter);
      return (lattice.nearest(value) - lattice.first + 0.5) / lattice.count();
    }
    default:
      return (value + 0.5) / static_cast<double>(parameter.categories.size());
  }
}

}  // namespace

std::string_view name_of(Kind kind) {
  static constexpr std::array<std::string_view, 12> names{"uniform", "loguniform", "quniform", "qloguniform",
                                                          "normal",  "lognormal",  "int",      "logint",
                                                          "choice",  "ordinal",    "constant", "grid"};
  return names.at(static_cast<std::size_t>(kind));
}

bool Parameter::discrete() const {
  return kind != Kind::Uniform && kind != Kind::LogUniform && kind != Kind::Normal && kind != Kind::LogNormal;
}

std::optional<double> Parameter::cardinality() const {
  if (!discrete()) return std::nullopt;
  return categorical() ? static_cast<double>(categories.size()) : lattice_of(*this).count();
}

double Parameter::nth(double place) const {
  if (categorical()) return place;
  const Lattice lattice = lattice_of(*this);
  return lattice.at(lattice.first + place);
}

double Parameter::decode(double unit) const {
  switch (kind) {
    case Kind::Uniform:
      return std::clamp(low + unit * (high - low), low, high);
    case Kind::LogUniform:
      return std::clamp(low * std::exp(unit * std::log(high / low)), low, high);
    case Kind::Normal:
      return decode_normal(*this, unit);
    case Kind::LogNormal:
      return std::exp(decode_normal(*this, unit));
    case Kind::LogInt:
    case Kind::QLogUniform:
      return decode_log_lattice(lattice_of(*this), unit);
    case Kind::Int:
    case Kind::QUniform: {
      const Lattice lattice = lattice_of(*this);
      return lattice.at(lattice.first + cell_of(unit, lattice.count()));
    }
    default:
      return cell_of(unit, static_cast<double>(categories.size()));
  }
}

double Parameter::encode(double value) const {
  return std::clamp(encode_unclamped(*this, value), 0.0, below_one);
}

bool Parameter::contains(double value) const {
  if (!std::isfinite(value)) return false;
  if (kind == Kind::Normal) return true;
  if (kind == Kind::LogNormal) return value > 0;
  if (categorical())
    return value >= 0 && value < static_cast<double>(categories.size()) && std::floor(value) == value;
  if (!discrete()) return low <= value && value <= high;
  const Lattice lattice = lattice_of(*this);
  return lattice.at(lattice.nearest(value)) == value;
}

Value Parameter::value(double entry) const {
  if (std::isnan(entry)) return std::monostate{};
  if (categorical()) return categories.at(static_cast<std::size_t>(entry));
  if (kind == Kind::Int || kind == Kind::LogInt) return static_cast<std::int64_t>(entry);
  return entry;
}

}  // namespace regatta::space
