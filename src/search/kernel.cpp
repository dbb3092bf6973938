#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

// target_clones stands at functions that only choose a template: everything below them is inlined into each
// clone.
namespace regatta::search {
namespace {

using device::Block;
using device::algebra::Form;

/// exp(x) for x <= 0 to about one unit in the last place; 0 below -700. Plain arithmetic, so that loops of it
/// become vector code: x = k ln 2 + r with |r| <= ln 2 / 2, and the Taylor polynomial of degree 13 for exp(r)
/// (remainder 4e-18).
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

enum class Profile { Matern52, Rbf };

struct Covariance {
  double value, slope;
};

template <Profile kind>
[[gnu::always_inline]] inline Covariance covariance(double squared) {
  if constexpr (kind == Profile::Rbf) {
    const double value = exp_of_negative(-0.5 * squared);
    return {value, value};
  } else {
    const double scaled = std::sqrt(5 * squared);
    const double decay = exp_of_negative(-scaled);
    return {(1 + scaled + (5.0 / 3) * squared) * decay, (5.0 / 3) * (1 + scaled) * decay};
  }
}

template <Profile kind>
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
  covariance_loop<Profile::Matern52>(squared, slope, count);
}

[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void rbf(double* squared, double* slope,
                                                                      std::size_t count) {
  covariance_loop<Profile::Rbf>(squared, slope, count);
}

/// row = max(0, norm + norms - 2 row), where row holds the products.
[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void distances_of_products(double* row,
                                                                                        double norm,
                                                                                        const double* norms,
                                                                                        std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) {
    const double squared = norm + norms[j] - 2 * row[j];
    row[j] = squared > 0 ? squared : 0;
  }
}

std::vector<double> squared_norms(Block<const double> a) {
  std::vector<double> norms(a.rows);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t k = 0; k < a.columns; ++k) norms[i] += a(i, k) * a(i, k);
  return norms;
}

/// Squared distances between the rows of `a` and of `b`, never negative.
void squared_distances(Block<const double> a, Block<const double> b, Block<double> distances) {
  device::algebra::multiply(1, a, Form::Plain, b, Form::Transposed, 0, distances);
  const std::vector<double> norms_a = squared_norms(a), norms_b = squared_norms(b);
  for (std::size_t i = 0; i < a.rows; ++i)
    distances_of_products(distances.row(i), norms_a[i], norms_b.data(), b.rows);
}

/// Turns squared distances into covariances, in place, and gives -2 dk/d(r^2) where `slope` is not null.
void profile(bool is_rbf, double* squared, double* slope, std::size_t count) {
  is_rbf ? rbf(squared, slope, count) : matern(squared, slope, count);
}

/// Features [first, first + count) of group g.
struct Range {
  std::size_t first = 0, count = 0;
};

std::vector<Range> ranges_of(const FeatureGroups& groups) {
  std::vector<Range> ranges(groups.groups);
  for (std::size_t c = groups.group_of.size(); c-- > 0;) {
    ranges[groups.group_of[c]].first = c;
    ++ranges[groups.group_of[c]].count;
  }
  return ranges;
}

/// Columns of `b` one after another, so that loops over rows are loops over memory.
std::vector<double> columns_of(Block<const double> b) {
  std::vector<double> columns(b.rows * b.columns);
  for (std::size_t j = 0; j < b.rows; ++j)
    for (std::size_t c = 0; c < b.columns; ++c) columns[c * b.rows + j] = b(j, c);
  return columns;
}

/// Squared distances within one group between one point and the first `count` rows that `columns` holds.
[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void group_distances(
    const double* point, const double* columns, std::size_t rows, Range range, std::size_t count,
    double* squared) {
  for (std::size_t j = 0; j < count; ++j) squared[j] = 0;
  for (std::size_t c = range.first; c < range.first + range.count; ++c) {
    const double* column = columns + c * rows;
    const double x = point[c];
    for (std::size_t j = 0; j < count; ++j) squared[j] += (x - column[j]) * (x - column[j]);
  }
}

[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void add_scaled(const double* part,
                                                                             double factor, double* sum,
                                                                             std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) sum[j] += factor * part[j];
}

/// a[j] *= b[j]
[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void multiply_by(const double* b, double* a,
                                                                              std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) a[j] *= b[j];
}

}  // namespace

void Kernel::values(Block<const double> a, Block<const double> b, Block<double> k) const {
  if (k.rows == 0 || k.columns == 0) return;
  if (!additive()) {
    squared_distances(a, b, k);
    for (std::size_t i = 0; i < k.rows; ++i) profile(rbf(), k.row(i), nullptr, k.columns);
    return;
  }
  const std::vector<double> columns = columns_of(b);
  const std::vector<Range> ranges = ranges_of(groups_);
  const double share = 1 / static_cast<double>(groups_.groups);
  std::vector<double> part(b.rows);
  for (std::size_t i = 0; i < k.rows; ++i) {
    std::fill_n(k.row(i), k.columns, 0.0);
    for (const Range& range : ranges) {
      group_distances(a.row(i), columns.data(), b.rows, range, b.rows, part.data());
      profile(rbf(), part.data(), nullptr, b.rows);
      add_scaled(part.data(), share, k.row(i), b.rows);
    }
  }
}

void Kernel::lower_values(Block<const double> a, Block<double> k) const {
  if (!additive()) {
    squared_distances(a, a, k);
    for (std::size_t i = 0; i < k.rows; ++i) profile(rbf(), k.row(i), nullptr, i);
    return;
  }
  const std::vector<double> columns = columns_of(a);
  const std::vector<Range> ranges = ranges_of(groups_);
  const double share = 1 / static_cast<double>(groups_.groups);
  std::vector<double> part(a.rows);
  for (std::size_t i = 0; i < k.rows; ++i) {
    std::fill_n(k.row(i), i, 0.0);
    for (const Range& range : ranges) {
      group_distances(a.row(i), columns.data(), a.rows, range, i, part.data());
      profile(rbf(), part.data(), nullptr, i);
      add_scaled(part.data(), share, k.row(i), i);
    }
  }
}

void Kernel::pull(Block<const double> a, Block<const double> b, Block<double> w,
                  Block<double> gradient) const {
  additive() ? pull_additive(a, b, w, gradient) : pull_product(a, b, w, gradient);
}

/// dk/da = -slope (a - b).
void Kernel::pull_product(Block<const double> a, Block<const double> b, Block<double> w,
                          Block<double> gradient) const {
  const std::size_t m = a.rows, n = b.rows;
  std::vector<double> squared(m * n), slope(n), sums(m, 0.0);
  squared_distances(a, b, {squared.data(), m, n, n});
  for (std::size_t i = 0; i < m; ++i) {
    profile(rbf(), squared.data() + i * n, slope.data(), n);
    for (std::size_t j = 0; j < n; ++j) {
      w(i, j) *= slope[j];
      sums[i] += w(i, j);
    }
  }
  device::algebra::multiply(1, w, Form::Plain, b, Form::Plain, 0, gradient);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t c = 0; c < a.columns; ++c) gradient(i, c) -= sums[i] * a(i, c);
}

void Kernel::pull_additive(Block<const double> a, Block<const double> b, Block<double> w,
                           Block<double> gradient) const {
  const std::size_t m = a.rows, n = b.rows;
  const std::vector<double> columns = columns_of(b);
  std::vector<double> part(n), slope(n);
  for (const Range& range : ranges_of(groups_))
    for (std::size_t i = 0; i < m; ++i) {
      group_distances(a.row(i), columns.data(), n, range, n, part.data());
      profile(rbf(), part.data(), slope.data(), n);
      multiply_by(w.row(i), slope.data(), n);
      const double total = std::accumulate(slope.begin(), slope.end(), 0.0);
      for (std::size_t c = range.first; c < range.first + range.count; ++c) {
        const double* column = columns.data() + c * n;
        const double sum = device::algebra::dot(slope, {column, n}) - a(i, c) * total;
        gradient(i, c) = sum / static_cast<double>(groups_.groups);
      }
    }
}

void Kernel::add_lengthscale_gradient(Block<const double> a, Block<double> w,
                                      std::span<double> gradient) const {
  additive() ? add_additive_gradient(a, w, gradient) : add_product_gradient(a, w, gradient);
}

/// dk/d ln l = slope (a_i - a_j)^2. With M = w o slope, taken as symmetric, that sums to sum_i rows_i a_i^2 -
/// a^T M a.
void Kernel::add_product_gradient(Block<const double> a, Block<double> w, std::span<double> gradient) const {
  const std::size_t n = a.rows, d = a.columns;
  std::vector<double> squared(n * n), slope(n), rows(n, 0.0), product(n * d);
  squared_distances(a, a, {squared.data(), n, n, n});
  for (std::size_t i = 0; i < n; ++i) {
    profile(rbf(), squared.data() + i * n, slope.data(), i);
    w(i, i) = 0;
    for (std::size_t j = 0; j < i; ++j) {
      w(i, j) *= slope[j];
      rows[i] += w(i, j);
      rows[j] += w(i, j);
    }
  }
  device::algebra::multiply_symmetric(w, a, {product.data(), n, d, d});
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < d; ++c)
      gradient[groups_.group_of[c]] += a(i, c) * (rows[i] * a(i, c) - product[i * d + c]);
}

void Kernel::add_additive_gradient(Block<const double> a, Block<double> w, std::span<double> gradient) const {
  const std::size_t n = a.rows;
  const std::vector<double> columns = columns_of(a);
  const std::vector<Range> ranges = ranges_of(groups_);
  std::vector<double> squared(n), part(n), slope(n);
  for (std::size_t g = 0; g < ranges.size(); ++g)
    for (std::size_t i = 0; i < n; ++i) {
      group_distances(a.row(i), columns.data(), n, ranges[g], i, squared.data());
      std::copy_n(squared.data(), i, part.data());
      profile(rbf(), part.data(), slope.data(), i);
      multiply_by(squared.data(), slope.data(), i);
      gradient[g] +=
          device::algebra::dot({w.row(i), i}, {slope.data(), i}) / static_cast<double>(groups_.groups);
    }
}

}  // namespace regatta::search
