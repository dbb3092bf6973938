#pragma once

#include <span>
#include <vector>

#include "kernel.hpp"

namespace regatta::search {

/// What an additive kernel says of many points, for a first look: it is a sum of functions of one feature
/// each, which are made at nodes some hundredths of a lengthscale apart, with polynomials of degree 5 between
/// them (off by 1e-6 of a covariance at most).
class LineTables {
 public:
  /// Whether the tables for these points cost less than their covariances.
  /// @param points  rows of scaled features
  static bool worthwhile(KernelKind kind, const FeatureGroups& groups, device::Block<const double> points);

  /// @param known    points known, scaled
  /// @param weights  one per point known
  /// @param chosen   places among the points known
  /// @param points   all for which will be asked
  LineTables(KernelKind kind, const FeatureGroups& groups, const KernelPoints& known,
             std::span<const double> weights, std::span<const std::size_t> chosen,
             device::Block<const double> points);

  /// Covariances of unit variance between points and those chosen, and behind them the weighted sum of those
  /// with all points known.
  /// @param points   rows of scaled features
  /// @param entries  points.rows x (chosen.size() + 1) (overwritten)
  void look_up(device::Block<const double> points, device::Block<double> entries) const;

 private:
  double spacing_;                   ///< of the nodes
  std::size_t columns_, width_;      ///< entries of a node; numbers from one node to the next
  std::vector<double> first_;        ///< place of the first node of each feature
  std::vector<std::size_t> starts_;  ///< of each feature in the tables
  std::vector<double> tables_;       ///< nodes x width_ for each feature
};

}  // namespace regatta::search
