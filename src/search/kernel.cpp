#include "kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "vector_exp.hpp"

// target_clones stands at functions that only choose a template: everything below them is inlined into each
// clone.
namespace regatta::search {
namespace {

using device::Block;
using device::algebra::Form;

template <std::size_t lanes>
[[gnu::always_inline]] inline void matern_block(double* squared, double* slope) {
  Vector<lanes> scaled[abreast<lanes>], decay[abreast<lanes>];
  for (std::size_t k = 0; k < abreast<lanes>; ++k) {
    scaled[k] = 5 * part<lanes>(squared, k);
    take_root<lanes>(scaled[k]);
    decay[k] = -scaled[k];
  }
  exp_of_negative<lanes>(decay);
  for (std::size_t k = 0; k < abreast<lanes>; ++k) {
    if (slope) part<lanes>(slope, k) = (5.0 / 3) * (1 + scaled[k]) * decay[k];
    part<lanes>(squared, k) = (1 + scaled[k] + (5.0 / 3) * part<lanes>(squared, k)) * decay[k];
  }
}

template <std::size_t lanes>
[[gnu::always_inline]] inline void rbf_block(double* squared, double* slope) {
  Vector<lanes> values[abreast<lanes>];
  for (std::size_t k = 0; k < abreast<lanes>; ++k) values[k] = -0.5 * part<lanes>(squared, k);
  exp_of_negative<lanes>(values);
  for (std::size_t k = 0; k < abreast<lanes>; ++k) {
    if (slope) part<lanes>(slope, k) = values[k];
    part<lanes>(squared, k) = values[k];
  }
}

/// Turns squared distances into covariances, in place, and gives -2 dk/d(r^2) where `slope` is not null.
void profile(bool is_rbf, double* squared, double* slope, std::size_t count) {
  device::with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) {
    is_rbf ? by_blocks(squared, slope, count, rbf_block<lanes>)
           : by_blocks(squared, slope, count, matern_block<lanes>);
  });
}

/// Squared distances between some rows and a block of points, those from `first` on.
/// @param norms  of the rows, squared
template <std::size_t lanes, std::size_t rows>
[[gnu::always_inline]] inline void block_of_distances(Block<const double> a, const double* norms,
                                                      const KernelPoints& b, std::size_t first,
                                                      Block<double> distances) {
  constexpr std::size_t parts = abreast<lanes>;
  Vector<lanes> products[rows][parts] = {};
  for (std::size_t c = 0; c < a.columns; ++c)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t v = 0; v < parts; ++v) products[r][v] += a(r, c) * part<lanes>(b.places(c) + first, v);
  const std::size_t count = std::min(block_size, distances.columns - first);
  for (std::size_t r = 0; r < rows; ++r) {
    double last[block_size];
    double* row = count == block_size ? distances.row(r) + first : last;
    for (std::size_t v = 0; v < parts; ++v) {
      const Vector<lanes> squared = norms[r] + part<lanes>(b.norms() + first, v) - 2 * products[r][v];
      part<lanes>(row, v) = squared > 0 ? squared : Vector<lanes>{};
    }
    if (row == last) std::copy_n(last, count, distances.row(r) + first);
  }
}

/// Squared distances between the rows of `a` and the first points of `b`, never negative.
void squared_distances(Block<const double> a, const KernelPoints& b, Block<double> distances) {
  std::vector<double> own_norms(a.rows);
  for (std::size_t i = 0; i < a.rows; ++i)
    own_norms[i] = device::algebra::dot({a.row(i), a.columns}, {a.row(i), a.columns});
  device::with_widest_vectors(
      [ =, &b, norms = own_norms.data() ]<std::size_t lanes>() __attribute__((always_inline)) {
        constexpr std::size_t together = lanes / 2;  // rows whose products stay in registers
        std::size_t i = 0;
        for (; i + together <= a.rows; i += together)
          for (std::size_t j = 0; j < distances.columns; j += block_size)
            block_of_distances<lanes, together>(a.part(i, together), norms + i, b, j,
                                                distances.part(i, together));
        for (; i < a.rows; ++i)
          for (std::size_t j = 0; j < distances.columns; j += block_size)
            block_of_distances<lanes, 1>(a.part(i, 1), norms + i, b, j, distances.part(i, 1));
      });
}

constexpr std::size_t panel = 16;  ///< rows of a lower triangle at a time

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

/// Squared distances within some features between one row and `count` points from `first` on.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void feature_distances(
    const double* row, const KernelPoints& points, Range features, std::size_t first, std::size_t count,
    double* squared) {
  std::fill_n(squared, count, 0.0);
  for (std::size_t c = features.first; c < features.first + features.count; ++c) {
    const double* places = points.places(c) + first;
    const double x = row[c];
    for (std::size_t j = 0; j < count; ++j) squared[j] += (x - places[j]) * (x - places[j]);
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

/// The sum of term(j) for j < count, eight sums at a time: the order of additions is fixed, and the loop
/// becomes vector code.
template <class Term>
[[gnu::always_inline]] inline double eight_sums(std::size_t count, Term term) {
  double sums[8] = {};
  const std::size_t blocks = count - count % 8;
  for (std::size_t j = 0; j < blocks; j += 8)
    for (std::size_t k = 0; k < 8; ++k) sums[k] += term(j + k);
  double sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  for (std::size_t j = blocks; j < count; ++j) sum += term(j);
  return sum;
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double sum_of(const double* a,
                                                                                    std::size_t count) {
  return eight_sums(count, [=](std::size_t j) { return a[j]; });
}

/// Sum of w[j] s[j] (b[j] - x).
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double pull_to(
    double x, const double* b, const double* w, const double* s, std::size_t count) {
  return eight_sums(count, [=](std::size_t j) { return w[j] * s[j] * (b[j] - x); });
}

/// Sum of w[j] s[j] q[j].
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double triple_dot(const double* w,
                                                                                        const double* s,
                                                                                        const double* q,
                                                                                        std::size_t count) {
  return eight_sums(count, [=](std::size_t j) { return w[j] * s[j] * q[j]; });
}

struct Covariance {
  double value, slope;
};

/// Matern 5/2 between one place on a line and others. exp(-sqrt(5) |x - y|) is the lesser of
/// exp(-sqrt(5) x) exp(sqrt(5) y) and its inverse, so that no pair needs an exponential.
struct Place {
  double place, decay, growth;
};
/// One feature of points.
struct Line {
  const double *places, *decays, *growths;
};
[[gnu::always_inline]] inline Covariance line_covariance(const Place& x, const Place& y) {
  const double scaled = std::sqrt(5.0) * std::abs(x.place - y.place);
  const double there = x.decay * y.growth, back = y.decay * x.growth;
  const double decay = there < back ? there : back;
  return {(1 + scaled + (1.0 / 3) * scaled * scaled) * decay, (5.0 / 3) * (1 + scaled) * decay};
}

/// Adds `factor` times the covariances.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_matern_on_line(
    Place x, Line line, double factor, double* sum, std::size_t count) {
  for (std::size_t j = 0; j < count; ++j)
    sum[j] += factor * line_covariance(x, {line.places[j], line.decays[j], line.growths[j]}).value;
}

/// pull_to() with the slopes of the covariances.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double pull_on_line(Place x, Line line,
                                                                                          const double* w,
                                                                                          std::size_t count) {
  return eight_sums(count, [=](std::size_t j) {
    const Place y{line.places[j], line.decays[j], line.growths[j]};
    return w[j] * line_covariance(x, y).slope * (y.place - x.place);
  });
}

/// triple_dot() with the slopes and the squared distances.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double stretch_on_line(
    Place x, Line line, const double* w, std::size_t count) {
  return eight_sums(count, [=](std::size_t j) {
    const Place y{line.places[j], line.decays[j], line.growths[j]};
    const double away = y.place - x.place;
    return w[j] * line_covariance(x, y).slope * (away * away);
  });
}

/// RBF between one place on a line and a block of others, and how far those lie behind it.
template <std::size_t lanes>
[[gnu::always_inline]] inline void rbf_on_line(double x, const double* places,
                                               Vector<lanes> (&values)[abreast<lanes>],
                                               Vector<lanes> (&away)[abreast<lanes>]) {
  for (std::size_t k = 0; k < abreast<lanes>; ++k) {
    away[k] = part<lanes>(places, k) - x;
    values[k] = -0.5 * (away[k] * away[k]);
  }
  exp_of_negative<lanes>(values);
}

/// add_matern_on_line() for RBF.
void add_rbf_on_line(double x, const double* places, double factor, double* sum, std::size_t count) {
  device::with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) {
    const auto add = [=](double* target, const double* at) __attribute__((always_inline)) {
      Vector<lanes> values[abreast<lanes>], away[abreast<lanes>];
      rbf_on_line<lanes>(x, at, values, away);
      for (std::size_t k = 0; k < abreast<lanes>; ++k) part<lanes>(target, k) += factor * values[k];
    };
    std::size_t j = 0;
    for (; j + block_size <= count; j += block_size) add(sum + j, places + j);
    if (j == count) return;
    double last_sum[block_size] = {}, last_places[block_size] = {};
    std::copy_n(sum + j, count - j, last_sum);
    std::copy_n(places + j, count - j, last_places);
    add(last_sum, last_places);
    std::copy_n(last_sum, count - j, sum + j);
  });
}

/// pull_on_line() for RBF, or stretch_on_line().
double moment_of_rbf(double x, const double* places, const double* w, std::size_t count, bool second) {
  return device::with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) {
    Vector<lanes> sums[abreast<lanes>] = {};
    const auto add = [&](const double* at, const double* weights) __attribute__((always_inline)) {
      Vector<lanes> values[abreast<lanes>], away[abreast<lanes>];
      rbf_on_line<lanes>(x, at, values, away);
      for (std::size_t k = 0; k < abreast<lanes>; ++k)
        sums[k] += part<lanes>(weights, k) * values[k] * (second ? away[k] * away[k] : away[k]);
    };
    std::size_t j = 0;
    for (; j + block_size <= count; j += block_size) add(places + j, w + j);
    double last_places[block_size] = {}, last_w[block_size] = {};
    std::copy_n(places + j, count - j, last_places);
    std::copy_n(w + j, count - j, last_w);
    add(last_places, last_w);
    double sum = 0;
    for (std::size_t k = 0; k < block_size; ++k) sum += sums[k / lanes][k % lanes];
    return sum;
  });
}

/// Covariances within single groups, between rows of one set of points and those of another.
class GroupCovariances {
 public:
  GroupCovariances(bool is_rbf, const FeatureGroups& groups, const KernelPoints& a, const KernelPoints& b)
      : rbf_(is_rbf),
        near_(a.most_reach() < far && b.most_reach() < far),
        a_(a),
        b_(b),
        ranges_(ranges_of(groups)) {}

  /// The mean over the groups: covariances of a_i with b.size() or fewer points from `first` on.
  void mean(std::size_t i, std::size_t first, std::size_t count, double* values) {
    std::fill_n(values, count, 0.0);
    for (std::size_t g = 0; g < ranges_.size(); ++g) add(g, i, first, count, share(), values);
  }

  /// Adds `factor` times the covariances within group g.
  void add(std::size_t g, std::size_t i, std::size_t first, std::size_t count, double factor,
           double* values) {
    const Range& range = ranges_[g];
    if (on_line(g))
      return rbf_ ? add_rbf_on_line(a_.places(range.first)[i], b_.places(range.first) + first, factor, values,
                                    count)
                  : add_matern_on_line(place(g, i), line(g, first), factor, values, count);
    part_.resize(count);
    feature_distances(a_.rows().row(i), b_, range, first, count, part_.data());
    profile(rbf_, part_.data(), nullptr, count);
    add_scaled(part_.data(), factor, values, count);
  }

  /// Row i of what Kernel::pull() answers.
  void pull(std::size_t i, const double* w, double* gradient) {
    const std::size_t count = b_.size();
    for (std::size_t g = 0; g < ranges_.size(); ++g) {
      const Range& range = ranges_[g];
      if (on_line(g)) {
        gradient[range.first] = share() * (rbf_ ? moment_of_rbf(a_.places(range.first)[i],
                                                                b_.places(range.first), w, count, false)
                                                : pull_on_line(place(g, i), line(g, 0), w, count));
        continue;
      }
      slopes(g, i, count);
      for (std::size_t c = range.first; c < range.first + range.count; ++c)
        gradient[c] = share() * pull_to(a_.rows()(i, c), b_.places(c), w, slopes_.data(), count);
    }
  }

  /// What Kernel::add_lengthscale_gradient() adds for row i and group g.
  double stretch(std::size_t g, std::size_t i, const double* w) {
    const std::size_t c = ranges_[g].first;
    if (on_line(g))
      return share() * (rbf_ ? moment_of_rbf(a_.places(c)[i], b_.places(c), w, i, true)
                             : stretch_on_line(place(g, i), line(g, 0), w, i));
    slopes(g, i, i);
    return share() * triple_dot(w, slopes_.data(), squared_.data(), i);
  }

 private:
  static constexpr double far = 300;  // exponents whose sums stay finite

  double share() const { return 1 / static_cast<double>(ranges_.size()); }
  bool on_line(std::size_t g) const { return (rbf_ || near_) && ranges_[g].count == 1; }
  Place place(std::size_t g, std::size_t i) const {
    const std::size_t c = ranges_[g].first;
    return {a_.places(c)[i], a_.decays(c)[i], a_.growths(c)[i]};
  }
  Line line(std::size_t g, std::size_t first) const {
    const std::size_t c = ranges_[g].first;
    return {b_.places(c) + first, b_.decays(c) + first, b_.growths(c) + first};
  }
  /// -2 dk/d(r^2) and r^2 within the group, for the first points.
  void slopes(std::size_t g, std::size_t i, std::size_t count) {
    squared_.resize(count), slopes_.resize(count);
    feature_distances(a_.rows().row(i), b_, ranges_[g], 0, count, squared_.data());
    part_ = squared_;
    profile(rbf_, part_.data(), slopes_.data(), count);
  }

  bool rbf_, near_;
  const KernelPoints &a_, &b_;
  std::vector<Range> ranges_;
  std::vector<double> part_, squared_, slopes_;
};

double* row_or_none(Block<double> block, std::size_t i) { return block.data ? block.row(i) : nullptr; }

}  // namespace

void Kernel::values(Block<const double> a, const KernelPoints& b, Block<double> k,
                    Block<double> slopes) const {
  if (k.rows == 0 || k.columns == 0) return;
  if (additive()) {
    const KernelPoints rows(kind_, a);
    GroupCovariances parts(rbf(), groups_, rows, b);
    for (std::size_t i = 0; i < k.rows; ++i) parts.mean(i, 0, k.columns, k.row(i));
    return;
  }
  squared_distances(a, b, k);
  for (std::size_t i = 0; i < k.rows; ++i) profile(rbf(), k.row(i), row_or_none(slopes, i), k.columns);
}

void Kernel::lower_values(const KernelPoints& a, Block<double> k, Block<double> slopes) const {
  if (additive()) {
    GroupCovariances parts(rbf(), groups_, a, a);
    for (std::size_t i = 0; i < k.rows; ++i) parts.mean(i, 0, i, k.row(i));
    return;
  }
  for (std::size_t first = 0; first < k.rows; first += panel) {
    const std::size_t rows = std::min(panel, k.rows - first);
    squared_distances(a.rows().part(first, rows), a, {k.row(first), rows, first + rows, k.stride});
  }
  for (std::size_t i = 0; i < k.rows; ++i) profile(rbf(), k.row(i), row_or_none(slopes, i), i);
}

void Kernel::row_values(const double* a, const KernelPoints& b, std::size_t first,
                        std::span<double> k) const {
  const std::size_t d = b.rows().columns;
  if (additive()) {
    const KernelPoints row(kind_, {a, 1, d, d});
    return GroupCovariances(rbf(), groups_, row, b).mean(0, first, k.size(), k.data());
  }
  feature_distances(a, b, {0, d}, first, k.size(), k.data());
  profile(rbf(), k.data(), nullptr, k.size());
}

void Kernel::group_values(std::size_t g, const KernelPoints& a, const KernelPoints& b,
                          Block<double> k) const {
  GroupCovariances parts(rbf(), groups_, a, b);
  for (std::size_t i = 0; i < k.rows; ++i) {
    std::fill_n(k.row(i), k.columns, 0.0);
    parts.add(g, i, 0, k.columns, 1, k.row(i));
  }
}

void Kernel::pull(Block<const double> a, const KernelPoints& b, Block<const double> slopes, Block<double> w,
                  Block<double> gradient) const {
  additive() ? pull_additive(a, b, w, gradient) : pull_product(a, b, slopes, w, gradient);
}

/// dk/da = -slope (a - b).
void Kernel::pull_product(Block<const double> a, const KernelPoints& b, Block<const double> slopes,
                          Block<double> w, Block<double> gradient) const {
  std::vector<double> sums(a.rows);
  for (std::size_t i = 0; i < a.rows; ++i) {
    multiply_by(slopes.row(i), w.row(i), w.columns);
    sums[i] = sum_of(w.row(i), w.columns);
  }
  device::algebra::multiply(1, w, Form::Plain, b.rows(), Form::Plain, 0, gradient);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t c = 0; c < a.columns; ++c) gradient(i, c) -= sums[i] * a(i, c);
}

void Kernel::pull_additive(Block<const double> a, const KernelPoints& b, Block<const double> w,
                           Block<double> gradient) const {
  const KernelPoints rows(kind_, a);
  GroupCovariances parts(rbf(), groups_, rows, b);
  for (std::size_t i = 0; i < a.rows; ++i) parts.pull(i, w.row(i), gradient.row(i));
}

void Kernel::add_lengthscale_gradient(const KernelPoints& a, Block<const double> slopes, Block<double> w,
                                      std::span<double> gradient) const {
  additive() ? add_additive_gradient(a, w, gradient) : add_product_gradient(a, slopes, w, gradient);
}

/// dk/d ln l = slope (a_i - a_j)^2. With M = w o slope, taken as symmetric, that sums to sum_i rows_i a_i^2 -
/// a^T M a, where rows are the sums of the rows of M: its product with a column of ones beside a.
void Kernel::add_product_gradient(const KernelPoints& a, Block<const double> slopes, Block<double> w,
                                  std::span<double> gradient) const {
  const std::size_t n = a.size(), d = a.rows().columns;
  std::vector<double> points(n * (d + 1), 1.0), product(n * (d + 1));
  for (std::size_t i = 0; i < n; ++i) {
    w(i, i) = 0;
    multiply_by(slopes.row(i), w.row(i), i);
    std::copy_n(a.rows().row(i), d, points.data() + i * (d + 1));
  }
  device::algebra::multiply_symmetric(w, {points.data(), n, d + 1, d + 1}, {product.data(), n, d + 1, d + 1});
  for (std::size_t i = 0; i < n; ++i) {
    const double *x = points.data() + i * (d + 1), *y = product.data() + i * (d + 1);
    for (std::size_t c = 0; c < d; ++c) gradient[groups_.group_of[c]] += x[c] * (y[d] * x[c] - y[c]);
  }
}

void Kernel::add_additive_gradient(const KernelPoints& a, Block<const double> w,
                                   std::span<double> gradient) const {
  GroupCovariances parts(rbf(), groups_, a, a);
  for (std::size_t g = 0; g < groups_.groups; ++g)
    for (std::size_t i = 0; i < a.size(); ++i) gradient[g] += parts.stretch(g, i, w.row(i));
}

}  // namespace regatta::search
