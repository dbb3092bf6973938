#pragma once

#include <span>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/space/space.hpp"

namespace regatta::search {

/// A Parzen estimator of a density over configurations (Bergstra et al. 2011; multivariate as of Falkner et
/// al. 2018): one product of kernels per observation and one uniform one. Numbers have normal kernels in the
/// unit cube, cut off at its bounds, as wide as the distance to the farther neighbour; categories keep one
/// part in as many as there are kernels for all others. A parameter that is inactive in an observation is
/// uniform in its kernel.
class Parzen {
 public:
  Parzen(const space::Space& space, std::span<const space::Config> observations);

  /// Any configuration, with inactive entries NaN.
  space::Config sample(Random& random) const;
  double log_density(std::span<const double> config) const;

 private:
  /// One parameter of all kernels.
  struct Axis {
    double categories = 0;        ///< 0: a number
    std::vector<double> centres;  ///< unit coordinate or category by kernel; NaN: uniform
    std::vector<double> widths;   ///< of numbers
    std::vector<double>
        log_heights;  ///< of numbers: log of 1 / (width * sqrt(2 pi) * mass inside the bounds)
  };

  Axis axis_of(std::size_t parameter, std::span<const space::Config> observations) const;
  void set_widths(Axis& axis, const space::Parameter& parameter) const;
  double draw(const Axis& axis, std::size_t kernel, Random& random) const;
  double log_kernel(const Axis& axis, std::size_t kernel, double place) const;

  space::Space space_;
  std::size_t kernels_;  ///< observations and the uniform one
  std::vector<Axis> axes_;
};

}  // namespace regatta::search
