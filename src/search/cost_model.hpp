#pragma once

#include <span>
#include <vector>

namespace regatta::search {

/// What an epoch of a configuration takes: its logarithm, by ridge regression on the features (Snoek et al.
/// 2012, Practical Bayesian optimization of machine learning algorithms, weigh improvements by it: expected
/// improvement per second).
class CostModel {
 public:
  explicit CostModel(std::size_t features);

  /// @param seconds  of an epoch, above 0
  void add(std::span<const double> features, double seconds);
  void clear();
  /// Logarithm of the time of an epoch as a multiple of the mean; adds its derivatives.
  /// @param by_feature  as many as features, or empty
  double operator()(std::span<const double> features, std::span<double> by_feature) const;

 private:
  void solve() const;

  std::size_t features_;
  double count_ = 0, sum_ = 0;         ///< trials, their log seconds
  std::vector<double> means_;          ///< of the features, times count
  std::vector<double> products_;       ///< of features [features x features], lower triangle
  std::vector<double> with_seconds_;   ///< of features and log seconds
  mutable std::vector<double> slope_;  ///< empty: to be solved for
};

}  // namespace regatta::search
