#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "regatta/device/evidence.hpp"

namespace regatta::device {

/// The formulas of EvidenceSolver one after another, by LAPACK: what the CUDA path is compared with.
class PlainEvidence final : public EvidenceSolver {
 public:
  std::optional<Evidence> evaluate(const ObservedCovariance& covariance, std::span<const double> values,
                                   bool with_gradient) override {
    const std::size_t n = values.size();
    std::vector<double> numbers(n * n), ones(n, 1.0), by_values(n), by_ones(n);
    const Block<double> k{numbers.data(), n, n, n};
    fill(covariance, k);
    if (!algebra::cholesky(k)) return std::nullopt;
    Evidence evidence;
    for (std::size_t i = 0; i < n; ++i)
      evidence.log_likelihood -= std::log(k(i, i)) + 0.5 * std::log(2 * std::numbers::pi);
    algebra::invert_product(k);
    algebra::multiply_symmetric(k, {values.data(), n, 1, 1}, {by_values.data(), n, 1, 1});
    algebra::multiply_symmetric(k, {ones.data(), n, 1, 1}, {by_ones.data(), n, 1, 1});

    const double mean = algebra::dot(ones, by_values) / (algebra::dot(ones, by_ones) + 1);
    std::vector<double> weights(n);
    for (std::size_t i = 0; i < n; ++i) weights[i] = by_values[i] - mean * by_ones[i];
    for (std::size_t i = 0; i < n; ++i) evidence.log_likelihood -= 0.5 * weights[i] * (values[i] - mean);
    evidence.log_likelihood -= 0.5 * mean * mean;
    if (with_gradient) differentiate(covariance, k, weights, evidence);
    return evidence;
  }

  bool factorise(const ObservedCovariance& covariance, Block<double> inverse_factor) override {
    fill(covariance, inverse_factor);
    if (!algebra::cholesky(inverse_factor)) return false;
    algebra::invert_lower(inverse_factor);
    return true;
  }

 private:
  static double squared_distance(const ObservedCovariance& of, std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t c = 0; c < of.features.columns; ++c)
      sum += std::pow(of.features(i, c) - of.features(j, c), 2);
    return sum;
  }

  static double value(KernelProfile profile, double squared) {
    const double r = std::sqrt(5 * squared);
    return profile == KernelProfile::Rbf ? std::exp(-0.5 * squared) : (1 + r + r * r / 3) * std::exp(-r);
  }

  static double slope(KernelProfile profile, double squared) {
    const double r = std::sqrt(5 * squared);
    return profile == KernelProfile::Rbf ? std::exp(-0.5 * squared) : 5.0 / 3 * (1 + r) * std::exp(-r);
  }

  static double noise(const ObservedCovariance& of, std::size_t i) {
    return of.noise + (of.known_noise.empty() ? 0 : of.known_noise[i]);
  }

  static void fill(const ObservedCovariance& of, Block<double> k) {
    for (std::size_t i = 0; i < of.features.rows; ++i) {
      for (std::size_t j = 0; j < i; ++j)
        k(i, j) = of.variance * value(of.profile, squared_distance(of, i, j));
      k(i, i) = of.variance * (1 + of.jitter) + noise(of, i);
    }
  }

  /// Half the trace of (w w^T - K^-1) dK, entry by entry.
  static void differentiate(const ObservedCovariance& of, Block<const double> inverse,
                            const std::vector<double>& weights, Evidence& evidence) {
    evidence.by_log_lengthscale.assign(of.features.columns, 0.0);
    for (std::size_t i = 0; i < of.features.rows; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double g = of.variance * (weights[i] * weights[j] - inverse(i, j)),
                     squared = squared_distance(of, i, j);
        evidence.by_log_variance += g * value(of.profile, squared);
        for (std::size_t c = 0; c < of.features.columns; ++c)
          evidence.by_log_lengthscale[c] +=
              g * slope(of.profile, squared) * std::pow(of.features(i, c) - of.features(j, c), 2);
      }
      const double g = 0.5 * (weights[i] * weights[i] - inverse(i, i));
      evidence.by_log_variance += g * of.variance * (1 + of.jitter);
      evidence.by_log_noise += g * of.noise;
    }
  }
};

}  // namespace regatta::device
