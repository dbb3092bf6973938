#pragma once

#include <span>
#include <vector>

#include "regatta/device/linear_algebra.hpp"

namespace regatta::search {

/// What failed trials teach: the probability that a configuration does not fail, as the vote of the trials
/// near it, each with weight exp(-r^2 / 2), against a prior of one success (Nadaraya 1964, Watson 1964).
class Feasibility {
 public:
  /// @param radius  distance in features at which a vote has weight exp(-1/2)
  Feasibility(std::size_t features, double radius) : features_(features), radius_(radius) {}

  void add(std::span<const double> features, bool failed);
  void clear();
  bool trivial() const { return failed_.empty(); }

  /// Logarithm of the probability; adds its derivatives.
  /// @param by_feature  as many as features, or empty
  double operator()(std::span<const double> features, std::span<double> by_feature) const;

 private:
  double vote(const std::vector<double>& points, std::span<const double> features,
              std::span<double> by_feature) const;

  std::size_t features_;
  double radius_;
  std::vector<double> succeeded_, failed_;  ///< rows of features
};

}  // namespace regatta::search
