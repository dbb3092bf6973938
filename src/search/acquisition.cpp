#include "regatta/search/acquisition.hpp"

#include <cmath>
#include <numbers>

namespace regatta::search {
namespace {

using std::numbers::pi, std::numbers::sqrt2;

const double half_log_2pi = 0.5 * std::log(2 * pi);

double log_density(double v) { return -0.5 * v * v - half_log_2pi; }
double probability(double v) { return 0.5 * std::erfc(-v / sqrt2); }

/// ln h(v) with h(v) = phi(v) + v Phi(v), and Phi(v) and phi(v) divided by h(v).
struct Improvement {
  double log_h, probability, density;
};

/// h(v) / phi(v) for v <= -1. What cancels in 1 + v Phi / phi is all of it in the end, so the series takes
/// over (Abramowitz and Stegun 26.2.12; the first term left out is below 1e-16).
double tail_ratio(double v, double mills) {
  if (v > -1e3) return 1 + v * mills;
  const double t = 1 / (v * v);
  return t * (1 + t * (-3 + 15 * t));
}

/// Far below, both ratios are taken without their common exponential, which would leave no digits of them.
Improvement improvement(double v) {
  if (v > -1) {
    const double density = std::exp(log_density(v)), h = density + v * probability(v);
    return {std::log(h), probability(v) / h, density / h};
  }
  const double mills = std::sqrt(pi / 2) * scaled_erfc(-v / sqrt2);  // Phi / phi
  const double ratio = tail_ratio(v, mills);
  return {log_density(v) + std::log(ratio), mills / ratio, 1 / ratio};
}

}  // namespace

double scaled_erfc(double x) {
  if (x < 25) return std::exp(x * x) * std::erfc(x);
  // Asymptotic series (Abramowitz and Stegun 7.1.23); the first term left out is below 3e-15.
  const double t = 1 / (x * x);
  const double series = 1 + t * (-0.5 + t * (0.75 + t * (-1.875 + t * (6.5625 - t * 29.53125))));
  return series / (x * std::sqrt(pi));
}

double log_normal_probability(double v) {
  if (v > 0) return std::log1p(-0.5 * std::erfc(v / sqrt2));
  return std::log(0.5 * scaled_erfc(-v / sqrt2)) - 0.5 * v * v;
}

Acquired log_expected_improvement(double mean, double variance, double best) {
  const double sigma = std::sqrt(variance);
  const Improvement gain = improvement((best - mean) / sigma);
  return {std::log(sigma) + gain.log_h, -gain.probability / sigma, gain.density / (2 * variance)};
}

Acquired expected_improvement(double mean, double variance, double best) {
  const double sigma = std::sqrt(variance), v = (best - mean) / sigma;
  return {sigma * std::exp(improvement(v).log_h), -probability(v), std::exp(log_density(v)) / (2 * sigma)};
}

Acquired upper_confidence_bound(double mean, double variance, double beta) {
  const double sigma = std::sqrt(variance);
  return {-mean + std::sqrt(beta) * sigma, -1, 0.5 * std::sqrt(beta) / sigma};
}

}  // namespace regatta::search
