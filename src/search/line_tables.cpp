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
void lagrange(double u, std::span<double, degree + 1> factors) {
  constexpr double scales[] = {-1.0 / 120, 1.0 / 24, -1.0 / 12, 1.0 / 12, -1.0 / 24, 1.0 / 120};
  for (std::size_t k = 0; k <= degree; ++k) {
    factors[k] = scales[k];
    for (std::size_t j = 0; j <= degree; ++j)
      if (j != k) factors[k] *= u + 2 - static_cast<double>(j);
  }
}

/// sum += consecutive rows, each by its factor.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_rows(const double* rows,
                                                                                    std::size_t width,
                                                                                    const double* factors,
                                                                                    double* sum) {
  for (std::size_t j = 0; j < width; ++j) {
    double added = 0;
    for (std::size_t k = 0; k <= degree; ++k) added += factors[k] * rows[k * width + j];
    sum[j] += added;
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
    : spacing_(spacing_of(kind)), width_(chosen.size() + 1) {
  const std::size_t d = points.columns, n = weights.size();
  const double share = 1 / static_cast<double>(d);
  std::vector<double> covariances;
  for (std::size_t c = 0; c < d; ++c) {
    const Line line = line_of(points, c, spacing_);
    std::vector<double> nodes(line.nodes * d);
    for (std::size_t i = 0; i < line.nodes; ++i)
      nodes[i * d + c] = line.first + spacing_ * static_cast<double>(i);
    covariances.resize(line.nodes * n);
    Kernel(kind, groups)
        .group_values(groups.group_of[c], {kind, {nodes.data(), line.nodes, d, d}}, known,
                      {covariances.data(), line.nodes, n, n});
    first_.push_back(line.first);
    starts_.push_back(tables_.size());
    for (std::size_t i = 0; i < line.nodes; ++i) {
      const std::span<const double> row(covariances.data() + i * n, n);
      for (const std::size_t j : chosen) tables_.push_back(share * row[j]);
      tables_.push_back(share * device::algebra::dot(row, weights));
    }
  }
}

void LineTables::look_up(const double* point, std::span<double> entries) const {
  std::ranges::fill(entries, 0.0);
  double factors[degree + 1];
  for (std::size_t c = 0; c < first_.size(); ++c) {
    const double place = (point[c] - first_[c]) / spacing_, cell = std::floor(place);
    lagrange(place - cell, factors);
    const std::size_t row = static_cast<std::size_t>(cell) - 2;
    add_rows(tables_.data() + starts_[c] + row * width_, width_, factors, entries.data());
  }
}

}  // namespace regatta::search
