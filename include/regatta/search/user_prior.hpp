#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "regatta/space/space.hpp"

namespace regatta::search {

/// Where the user expects good configurations: independent beliefs about some of the parameters.
///
///     learning_rate = normal(1e-3, 0.5)     a number: centre and standard deviation
///     optimizer     = weights(3, 1, 1)      a list: a weight above 0 per entry
///
/// The centre has the unit of the parameter, and so has the deviation, unless the parameter's scale is
/// logarithmic: then it counts in natural logarithms.
class UserPrior {
 public:
  UserPrior() = default;  ///< no belief

  /// Everything wrong is added to `problems`; the result is only to be used when nothing was added.
  static UserPrior parse(std::span<const space::Definition> beliefs, const space::Space& space,
                         Problems& problems);

  bool empty() const { return beliefs_.empty(); }
  /// What this prior was read from (to write it into the log and read it again).
  const std::vector<space::Definition>& definitions() const { return definitions_; }

  /// Logarithm of the density, whose mean over each parameter's own distribution is 1; parameters that are
  /// inactive do not count.
  /// @param config   an assignment of the space
  /// @param by_unit  derivatives by the unit coordinates of continuous parameters, 0 for others, or empty
  double log_density(std::span<const double> config, std::span<double> by_unit) const;

  /// Makes a point that is uniform in the unit cube one that is distributed as this prior inside the space's
  /// bounds.
  void transform(std::span<double> unit) const;

 private:
  struct Belief {
    std::size_t place = 0;        ///< of the parameter
    space::Parameter parameter;   ///< what it is believed about
    space::Parameter number;      ///< of a number: normal or lognormal
    std::vector<double> weights;  ///< of a list, mean 1; else empty
    double log_mean = 0;          ///< of a number: of exp(-z^2 / 2) over the parameter's distribution

    double deviations(double value) const;
    double log_density(double value) const;
    double slope(double value) const;
    double quantile(double unit) const;
  };
  static Belief belief_of(const space::Definition& definition, std::size_t place,
                          const space::Parameter& parameter);

  std::vector<Belief> beliefs_;
  std::vector<space::Definition> definitions_;
};

}  // namespace regatta::search
