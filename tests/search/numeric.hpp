#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/device/linear_algebra.hpp"

/// Numbers that the tests of formulas share.
namespace regatta::search::numeric {

using device::Block;

inline std::vector<double> normal_numbers(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> result(count);
  for (double& number : result) number = random.normal();
  return result;
}

/// Numbers in [-0.5, 0.5), as features have them.
inline std::vector<double> centred_numbers(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> result(count);
  for (double& number : result) number = random.uniform() - 0.5;
  return result;
}

/// All numbers, as rows of `columns`.
inline Block<const double> rows_of(const std::vector<double>& numbers, std::size_t columns) {
  return {numbers.data(), numbers.size() / columns, columns, columns};
}
inline Block<double> rows_of(std::vector<double>& numbers, std::size_t columns) {
  return {numbers.data(), numbers.size() / columns, columns, columns};
}

/// Derivative of function(x) by entry k, by central differences of fourth order.
template <class Function>
double derivative(const Function& function, const std::vector<double>& x, std::size_t k, double step = 1e-3) {
  const auto at = [&](double shift) {
    std::vector<double> moved = x;
    moved[k] += shift;
    return function(moved);
  };
  return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
}

/// The solution of a x = b and ln det a, by Gaussian elimination of a symmetric positive definite matrix.
inline std::pair<std::vector<double>, double> solution(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  double log_determinant = 0;
  for (std::size_t i = 0; i < n; ++i) {
    log_determinant += std::log(a[i * n + i]);
    for (std::size_t r = i + 1; r < n; ++r) {
      const double factor = a[r * n + i] / a[i * n + i];
      for (std::size_t c = i; c < n; ++c) a[r * n + c] -= factor * a[i * n + c];
      b[r] -= factor * b[i];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t c = i + 1; c < n; ++c) b[i] -= a[i * n + c] * b[c];
    b[i] /= a[i * n + i];
  }
  return {b, log_determinant};
}

inline double product(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace regatta::search::numeric
