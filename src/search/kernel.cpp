#include "kernel.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

// target_clones stands at functions that only choose a template: everything below them is inlined into each clone.
namespace regatta::search {
namespace {

/// exp(x) for x <= 0 to about one unit in the last place; 0 below -700. Plain arithmetic, so that loops of it become vector
/// code: x = k ln 2 + r with |r| <= ln 2 / 2, and the Taylor polynomial of degree 13 for exp(r) (remainder 4e-18).
[[gnu::always_inline]] inline double exp_of_negative(double x) {
  constexpr double shift = 0x1.8p52;  // adding it rounds to an integer that stands in the lowest bits
  const double clipped = x < -700 ? -700 : x;
  const double shifted = clipped * 1.4426950408889634 + shift;
  const double k = shifted - shift;
  const double r = (clipped - k * 0x1.62e42fefa3800p-1) - k * 0x1.ef35793c76730p-45;  // ln 2 in two parts
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const auto exponent = std::bit_cast<std::uint64_t>(shifted) << 52;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(p) + exponent);
}

struct Covariance {
  double value, slope;
};

template <KernelKind kind>
[[gnu::always_inline]] inline Covariance covariance(double squared) {
  if constexpr (kind == KernelKind::Rbf) {
    const double value = exp_of_negative(-0.5 * squared);
    return {value, value};
  } else {
    const double scaled = std::sqrt(5 * squared);
    const double decay = exp_of_negative(-scaled);
    return {(1 + scaled + (5.0 / 3) * squared) * decay, (5.0 / 3) * (1 + scaled) * decay};
  }
}

template <KernelKind kind>
[[gnu::always_inline]] inline void covariance_loop(double* squared, double* slope, std::size_t count) {
  if (slope) {
    for (std::size_t i = 0; i < count; ++i) {
      const Covariance c = covariance<kind>(squared[i]);
      squared[i] = c.value;
      slope[i] = c.slope;
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) squared[i] = covariance<kind>(squared[i]).value;
  }
}

[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void matern(double* squared, double* slope,
                                                                         std::size_t count) {
  covariance_loop<KernelKind::Matern52>(squared, slope, count);
}

[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void rbf(double* squared, double* slope, std::size_t count) {
  covariance_loop<KernelKind::Rbf>(squared, slope, count);
}

/// row = max(0, norm + norms - 2 row), where row holds the products.
[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void distances_of_products(double* row, double norm,
                                                                                        const double* norms,
                                                                                        std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) {
    const double squared = norm + norms[j] - 2 * row[j];
    row[j] = squared > 0 ? squared : 0;
  }
}

std::vector<double> squared_norms(device::Block<const double> a) {
  std::vector<double> norms(a.rows);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t k = 0; k < a.columns; ++k) norms[i] += a(i, k) * a(i, k);
  return norms;
}

}  // namespace

void squared_distances(device::Block<const double> a, device::Block<const double> b, device::Block<double> distances) {
  using device::algebra::Form;
  device::algebra::multiply(1, a, Form::Plain, b, Form::Transposed, 0, distances);
  const std::vector<double> norms_a = squared_norms(a), norms_b = squared_norms(b);
  for (std::size_t i = 0; i < a.rows; ++i)
    distances_of_products(distances.row(i), norms_a[i], norms_b.data(), b.rows);
}

void covariances(KernelKind kind, std::span<double> squared, std::span<double> slope) {
  double* slopes = slope.empty() ? nullptr : slope.data();
  if (kind == KernelKind::Rbf) {
    rbf(squared.data(), slopes, squared.size());
  } else {
    matern(squared.data(), slopes, squared.size());
  }
}

}  // namespace regatta::search
