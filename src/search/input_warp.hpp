#pragma once

#include <span>
#include <vector>

#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

/// Bends the features on a line by Kumaraswamy's distribution function, u -> 1 - (1 - u^a)^b with u = feature
/// + 1/2: the identity for a = b = 1, else steep where the objective changes fast. Snoek et al. (2014), Input
/// warping for Bayesian optimization of non-stationary functions, ICML; with this function as in Cowen-Rivers
/// et al. (2022), HEBO, JAIR 74.
class InputWarp {
 public:
  /// @param log_shapes  ln a and ln b of each of groups.lines, or empty: leaves all features as they are
  InputWarp(const FeatureGroups& groups, std::span<const double> log_shapes);

  bool trivial() const { return shapes_.empty(); }
  /// @param features  of one point, bent in place
  /// @param slopes    derivatives of the bent features by the features; may be empty
  void apply(std::span<double> features, std::span<double> slopes) const;
  /// Adds to by_log_shapes the derivatives of a quantity from those by the bent features of one point.
  void pull_back(std::span<const double> features, std::span<const double> by_bent,
                 std::span<double> by_log_shapes) const;

 private:
  struct Shape {
    std::size_t feature;
    double a, b;
  };

  std::vector<Shape> shapes_;
};

}  // namespace regatta::search
