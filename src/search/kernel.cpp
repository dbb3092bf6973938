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

/// exp(x) for x <= 0 to about two units in the last place; 0 below -700. Plain arithmetic, so that loops of
/// it become vector code: x = k ln 2 + r with |r| <= ln 2 / 2, and the Taylor polynomial of degree 13 for
/// exp(r) (remainder 4e-18).
[[gnu::always_inline]] inline double exp_of_negative(double x) {
  constexpr double shift = 0x1.8p52;  // adding it rounds to an integer that stands in the lowest bits
  const double clipped = x < -700 ? -700 : x;
  const double shifted = clipped * 1.4426950408889634 + shift;
  const double k = shifted - shift;
  const double r = (clipped - k * 0x1.62e42fefa3800p-1) - k * 0x1.ef35793c76730p-45;  // ln 2 in two parts
  // By halves (Estrin), so that few additions wait for each other.
  const double r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
  const double low = (1 + r) + (1.0 / 2 + 1.0 / 6 * r) * r2 +
                     ((1.0 / 24 + 1.0 / 120 * r) + (1.0 / 720 + 1.0 / 5040 * r) * r2) * r4;
  const double high = (1.0 / 40320 + 1.0 / 362880 * r) + (1.0 / 3628800 + 1.0 / 39916800 * r) * r2 +
                      (1.0 / 479001600 + 1.0 / 6227020800 * r) * r4;
  const double p = low + high * r8;
  const auto exponent = std::bit_cast<std::uint64_t>(shifted) << 52;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(p) + exponent);
}

struct Covariance {
  double value, slope;
};

[[gnu::always_inline]] inline Covariance matern_covariance(double squared) {
  const double scaled = std::sqrt(5 * squared);
  const double decay = exp_of_negative(-scaled);
  return {(1 + scaled + (5.0 / 3) * squared) * decay, (5.0 / 3) * (1 + scaled) * decay};
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void matern(double* squared,
                                                                                  double* slope,
                                                                                  std::size_t count) {
  if (slope) {
    for (std::size_t i = 0; i < count; ++i) {
      const Covariance c = matern_covariance(squared[i]);
      squared[i] = c.value;
      slope[i] = c.slope;
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) squared[i] = matern_covariance(squared[i]).value;
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void rbf(double* squared, double* slope,
                                                                               std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) squared[i] = exp_of_negative(-0.5 * squared[i]);
  if (slope) std::copy_n(squared, count, slope);  // in the loop above it would keep GCC 12 from vector code
}

/// row = max(0, norm + norms - 2 row), where row holds the products.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void distances_of_products(
    double* row, double norm, const double* norms, std::size_t count) {
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

/// Squared distances within one group between one point and the first `count` rows that `columns` holds.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void group_distances(
    const double* point, const double* columns, std::size_t rows, Range range, std::size_t count,
    double* squared) {
  for (std::size_t j = 0; j < count; ++j) squared[j] = 0;
  for (std::size_t c = range.first; c < range.first + range.count; ++c) {
    const double* column = columns + c * rows;
    const double x = point[c];
    for (std::size_t j = 0; j < count; ++j) squared[j] += (x - column[j]) * (x - column[j]);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_scaled(const double* part,
                                                                                      double factor,
                                                                                      double* sum,
                                                                                      std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) sum[j] += factor * part[j];
}

/// a[j] *= b[j]
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void multiply_by(const double* b,
                                                                                       double* a,
                                                                                       std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) a[j] *= b[j];
}

/// Points by columns, so that loops over points are loops over memory, each beside exp(-sqrt(5) x) and its
/// inverse.
struct Columns {
  explicit Columns(Block<const double> points)
      : rows(points.rows),
        places(rows * points.columns),
        decays(rows * points.columns),
        growths(rows * points.columns) {
    for (std::size_t j = 0; j < rows; ++j)
      for (std::size_t c = 0; c < points.columns; ++c) {
        const double place = points(j, c), reach = std::sqrt(5.0) * place;
        most_reach = std::max(most_reach, std::abs(reach));
        places[c * rows + j] = place;
        decays[c * rows + j] = std::exp(-reach);
        growths[c * rows + j] = 1 / decays[c * rows + j];
      }
  }

  std::size_t rows;
  std::vector<double> places, decays, growths;
  double most_reach = 0;
};

/// Matern 5/2 between one place on a line and others. exp(-sqrt(5) |x - y|) is the lesser of
/// exp(-sqrt(5) x) exp(sqrt(5) y) and its inverse, so that no pair needs an exponential.
struct Place {
  double place, decay, growth;
};
[[gnu::always_inline]] inline Covariance line_covariance(const Place& x, const Place& y) {
  const double scaled = std::sqrt(5.0) * std::abs(x.place - y.place);
  const double there = x.decay * y.growth, back = y.decay * x.growth;
  const double decay = there < back ? there : back;
  return {(1 + scaled + (1.0 / 3) * scaled * scaled) * decay, (5.0 / 3) * (1 + scaled) * decay};
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void matern_on_line(
    Place x, const double* places, const double* decays, const double* growths, double* values,
    double* slopes, std::size_t count) {
  for (std::size_t j = 0; j < count; ++j) {
    const Covariance c = line_covariance(x, {places[j], decays[j], growths[j]});
    values[j] = c.value;
    slopes[j] = c.slope;
  }
}

/// Covariances within single groups, between rows of one set of points and those of another.
class GroupCovariances {
 public:
  GroupCovariances(bool is_rbf, const FeatureGroups& groups, Block<const double> a, Block<const double> b)
      : rbf_(is_rbf),
        a_(a),
        left_(a),
        right_(a.data == b.data && a.rows == b.rows ? left_ : Columns(b)),
        ranges_(ranges_of(groups)),
        slopes_(b.rows) {}

  std::size_t groups() const { return ranges_.size(); }
  const Range& range(std::size_t group) const { return ranges_[group]; }
  const double* column(std::size_t c) const { return right_.places.data() + c * right_.rows; }
  /// -2 dk/d(r^2) of the last call.
  std::vector<double>& slopes() { return slopes_; }

  /// Covariances with the first `count` points of the second set.
  void operator()(std::size_t group, std::size_t i, std::size_t count, double* values) {
    const Range& range = ranges_[group];
    if (!rbf_ && range.count == 1 && left_.most_reach < far && right_.most_reach < far) {
      const std::size_t own = range.first * left_.rows + i, first = range.first * right_.rows;
      matern_on_line({left_.places[own], left_.decays[own], left_.growths[own]}, right_.places.data() + first,
                     right_.decays.data() + first, right_.growths.data() + first, values, slopes_.data(),
                     count);
    } else {
      squared(group, i, count, values);
      profile(rbf_, values, slopes_.data(), count);
    }
  }

  /// Squared distances within the group.
  void squared(std::size_t group, std::size_t i, std::size_t count, double* values) const {
    group_distances(a_.row(i), right_.places.data(), right_.rows, ranges_[group], count, values);
  }

  /// The mean over the groups: k(a_i, b_j) for j < count.
  void mean(std::size_t i, std::size_t count, double* values) {
    part_.resize(right_.rows);
    std::fill_n(values, count, 0.0);
    for (std::size_t g = 0; g < ranges_.size(); ++g) {
      (*this)(g, i, count, part_.data());
      add_scaled(part_.data(), 1 / static_cast<double>(ranges_.size()), values, count);
    }
  }

 private:
  static constexpr double far = 300;  // exponents whose sums stay finite

  bool rbf_;
  Block<const double> a_;
  Columns left_, right_;
  std::vector<Range> ranges_;
  std::vector<double> slopes_, part_;
};

}  // namespace

void Kernel::values(Block<const double> a, Block<const double> b, Block<double> k) const {
  if (k.rows == 0 || k.columns == 0) return;
  if (additive()) {
    GroupCovariances parts(rbf(), groups_, a, b);
    for (std::size_t i = 0; i < k.rows; ++i) parts.mean(i, k.columns, k.row(i));
    return;
  }
  squared_distances(a, b, k);
  for (std::size_t i = 0; i < k.rows; ++i) profile(rbf(), k.row(i), nullptr, k.columns);
}

void Kernel::lower_values(Block<const double> a, Block<double> k) const {
  if (additive()) {
    GroupCovariances parts(rbf(), groups_, a, a);
    for (std::size_t i = 0; i < k.rows; ++i) parts.mean(i, i, k.row(i));
    return;
  }
  squared_distances(a, a, k);
  for (std::size_t i = 0; i < k.rows; ++i) profile(rbf(), k.row(i), nullptr, i);
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
  GroupCovariances parts(rbf(), groups_, a, b);
  std::vector<double> unused(n), &slopes = parts.slopes();
  for (std::size_t g = 0; g < parts.groups(); ++g)
    for (std::size_t i = 0; i < m; ++i) {
      parts(g, i, n, unused.data());
      multiply_by(w.row(i), slopes.data(), n);
      const double total = std::accumulate(slopes.begin(), slopes.end(), 0.0);
      const Range& range = parts.range(g);
      for (std::size_t c = range.first; c < range.first + range.count; ++c) {
        const double sum = device::algebra::dot(slopes, {parts.column(c), n}) - a(i, c) * total;
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
  GroupCovariances parts(rbf(), groups_, a, a);
  std::vector<double> part(n);
  for (std::size_t g = 0; g < parts.groups(); ++g)
    for (std::size_t i = 0; i < n; ++i) {
      parts(g, i, i, part.data());
      parts.squared(g, i, i, part.data());
      multiply_by(parts.slopes().data(), part.data(), i);
      gradient[g] +=
          device::algebra::dot({w.row(i), i}, {part.data(), i}) / static_cast<double>(groups_.groups);
    }
}

}  // namespace regatta::search
