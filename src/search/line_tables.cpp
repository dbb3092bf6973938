#include "line_tables.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

using device::Block;

constexpr double rbf_spacing = 0.1, matern_spacing = 0.05;  // of nodes, lengthscales
constexpr std::size_t degree = 5;                           // of the polynomials between them

/// Nodes of a feature: two before the cell of the least place that is asked for, two behind that of the
/// largest one, and half a cell on both sides for rounding.
struct Line {
  double first = 0;
  std::size_t nodes = 0;
};

double spacing_of(KernelKind kind) { return kind == KernelKind::AdditiveRbf ? rbf_spacing : matern_spacing; }

Line line_of(Block<const double> points, std::size_t feature, double spacing) {
  double low = points(0, feature), high = low;
  for (std::size_t i = 1; i < points.rows; ++i) {
    low = std::min(low, points(i, feature));
    high = std::max(high, points(i, feature));
  }
  return {low - 2.5 * spacing, static_cast<std::size_t>((high - low) / spacing) + 7};
}

/// Lagrange's polynomials of the nodes -2 to 3.
[[gnu::always_inline]] inline void lagrange(double u, double (&factors)[degree + 1]) {
  constexpr double scales[] = {-1.0 / 120, 1.0 / 24, -1.0 / 12, 1.0 / 12, -1.0 / 24, 1.0 / 120};
  double before = 1, behind = 1;  // products of the distances from the nodes there
  for (std::size_t k = 0; k <= degree; ++k) {
    factors[k] = scales[k] * before;
    before *= u + 2 - static_cast<double>(k);
  }
  for (std::size_t k = degree + 1; k-- > 0;) {
    factors[k] *= behind;
    behind *= u + 2 - static_cast<double>(k);
  }
}

constexpr std::size_t points_at_once = 32;  ///< whose sums stay in the cache beside the table of a feature
constexpr std::size_t aligned = 8;          ///< entries, so that vectors leave no rest

/// Adds to the sums of each point what the table of one feature says of it.
/// @param first  place of the table's first node
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_feature(
    const double* table, std::size_t width, double first, double spacing, Block<const double> points,
    std::size_t feature, double* sums) {
  for (std::size_t i = 0; i < points.rows; ++i) {
    const double place = (points(i, feature) - first) / spacing, cell = std::floor(place);
    double factors[degree + 1];
    lagrange(place - cell, factors);
    const double* rows = table + (static_cast<std::size_t>(cell) - 2) * width;
    double* sum = sums + i * width;
    for (std::size_t j = 0; j < width; ++j) {
      double added = 0;
      for (std::size_t k = 0; k <= degree; ++k) added += factors[k] * rows[k * width + j];
      sum[j] += added;
    }
  }
}

}  // namespace

bool LineTables::worthwhile(KernelKind kind, const FeatureGroups& groups, Block<const double> points) {
  if (!is_additive(kind) || groups.groups != points.columns || points.rows == 0) return false;
  std::size_t nodes = 0;
  for (std::size_t c = 0; c < points.columns; ++c) nodes += line_of(points, c, spacing_of(kind)).nodes;
  return 2 * nodes < points.rows * points.columns;
}

LineTables::LineTables(KernelKind kind, const FeatureGroups& groups, const KernelPoints& known,
                       std::span<const double> weights, std::span<const std::size_t> chosen,
                       Block<const double> points)
    : spacing_(spacing_of(kind)),
      columns_(chosen.size() + 1),
      width_((columns_ + aligned - 1) / aligned * aligned) {
  const std::size_t d = points.columns, n = weights.size();
  const double share = 1 / static_cast<double>(d);
  std::vector<Line> lines;
  std::size_t most = 0, all = 0;
  for (std::size_t c = 0; c < d; ++c) {
    lines.push_back(line_of(points, c, spacing_));
    most = std::max(most, lines[c].nodes);
    first_.push_back(lines[c].first);
    starts_.push_back(all * width_);
    all += lines[c].nodes;
  }
  std::vector<double> rows(most * d), covariances(most * n);  // rows: node i of each feature
  for (std::size_t i = 0; i < most; ++i)
    for (std::size_t c = 0; c < d; ++c) rows[i * d + c] = first_[c] + spacing_ * static_cast<double>(i);
  const KernelPoints nodes(kind, {rows.data(), most, d, d});
  tables_.resize(all * width_);
  for (std::size_t c = 0; c < d; ++c) {
    Kernel(kind, groups)
        .group_values(groups.group_of[c], nodes, known, {covariances.data(), lines[c].nodes, n, n});
    for (std::size_t i = 0; i < lines[c].nodes; ++i) {
      const std::span<const double> row(covariances.data() + i * n, n);
      double* entries = tables_.data() + starts_[c] + i * width_;
      for (std::size_t j = 0; j < chosen.size(); ++j) entries[j] = share * row[chosen[j]];
      entries[chosen.size()] = share * device::algebra::dot(row, weights);
    }
  }
}

void LineTables::look_up(Block<const double> points, Block<double> entries) const {
  std::vector<double> sums(points_at_once * width_);
  for (std::size_t first = 0; first < points.rows; first += points_at_once) {
    const std::size_t count = std::min(points_at_once, points.rows - first);
    std::ranges::fill(sums, 0.0);
    for (std::size_t c = 0; c < first_.size(); ++c)
      add_feature(tables_.data() + starts_[c], width_, first_[c], spacing_, points.part(first, count), c,
                  sums.data());
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(sums.data() + i * width_, columns_, entries.row(first + i));
  }
}

}  // namespace regatta::search
