#pragma once

#include <cstddef>
#include <vector>

namespace regatta::schedule {

/// A Gaussian process over points whose first coordinate is the time, under
/// k(x, x') = exp(-|x - x'|^2 / (2 l^2)) (1 - e)^(|t - t'| / 2), e = 0.1: what was learnt is forgotten by and
/// by (Bogunovic, Scarlett, Cevher 2016, Time-varying Gaussian process bandit optimization). Lengthscale l
/// and noise are those of a grid with the highest likelihood. Values are standardised.
class TimeVaryingProcess {
 public:
  /// @param points   equal in length, two at least
  /// @param values   one per point
  /// @param pending  points of which no value is known: they narrow the deviation, not the mean
  TimeVaryingProcess(std::vector<std::vector<double>> points, const std::vector<double>& values,
                     const std::vector<std::vector<double>>& pending);

  struct Belief {
    double mean = 0;       ///< standardised
    double deviation = 0;  ///< of the function, noise left out
  };
  Belief predict(const std::vector<double>& point) const;

 private:
  struct Setting {
    double lengthscale = 1, noise = 0.1;
  };
  /// A triangular factor of a covariance, row by row.
  struct Factor {
    std::size_t size = 0;
    std::vector<double> entries;
  };

  double covariance(const Setting& setting, const std::vector<double>& a, const std::vector<double>& b) const;
  Factor factor(const Setting& setting, std::size_t count) const;
  /// Of the values, up to a constant.
  double log_likelihood(const Factor& factor) const;

  std::vector<std::vector<double>> points_;  ///< pending ones last
  std::vector<double> values_;               ///< by now L^-1 times the standardised values
  Setting setting_;
  Factor known_, all_;
};

}  // namespace regatta::schedule
