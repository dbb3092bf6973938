#include "regatta/search/acquisition.hpp"

#include <cmath>
#include <numbers>

namespace regatta::search {
namespace {

using std::numbers::ln2, std::numbers::pi, std::numbers::sqrt2;

const double half_log_2pi = 0.5 * std::log(2 * pi);
const double half_log_half_pi = 0.5 * std::log(pi / 2);

double log_density(double v) { return -0.5 * v * v - half_log_2pi; }
double probability(double v) { return 0.5 * std::erfc(-v / sqrt2); }

/// ln(1 - exp(w)) for w < 0.
double log_of_complement(double w) { return w > -ln2 ? std::log(-std::expm1(w)) : std::log1p(-std::exp(w)); }

/// ln h(v) with h(v) = phi(v) + v Phi(v).
double log_h(double v) {
  if (v > -1) return std::log(std::exp(log_density(v)) + v * probability(v));
  if (v > -1e6) return log_density(v) + log_of_complement(std::log(scaled_erfc(-v / sqrt2) * -v) + half_log_half_pi);
  return log_density(v) - 2 * std::log(-v);
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
  const double sigma = std::sqrt(variance), v = (best - mean) / sigma;
  const double log_value = log_h(v);
  const double ratio = std::exp(log_normal_probability(v) - log_value);  // Phi / h
  const double density = std::exp(log_density(v) - log_value);           // phi / h
  return {std::log(sigma) + log_value, -ratio / sigma, density / (2 * variance)};
}

Acquired expected_improvement(double mean, double variance, double best) {
  const double sigma = std::sqrt(variance), v = (best - mean) / sigma;
  return {sigma * std::exp(log_h(v)), -probability(v), std::exp(log_density(v)) / (2 * sigma)};
}

Acquired upper_confidence_bound(double mean, double variance, double beta) {
  const double sigma = std::sqrt(variance);
  return {-mean + std::sqrt(beta) * sigma, -1, 0.5 * std::sqrt(beta) / sigma};
}

}  // namespace regatta::search
