#pragma once

#include <span>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

/// Penalises an acquisition near running trials, in log space: where the objective cannot fall faster than
/// its Lipschitz constant, the minimum is not within a ball around a point whose value is far from the best
/// one.
///
/// Soft form: the probability that a point lies outside the ball of a Gaussian value, ln Phi((|x - x_j| -
/// r_j) / s_j). Gonzalez et al. (2016), Batch Bayesian optimization via local penalization, AISTATS. Hard
/// form: the cone ((|x - x_j| / R_j)^-5 + 1)^(-1/5) with a Lipschitz constant of its own for each point. Alvi
/// et al. (2019), Asynchronous batch Bayesian optimisation with improved local penalisation, ICML. Distances
/// are those of the kernel (features divided by lengthscales).
class LocalPenalty {
 public:
  enum class Form { Soft, Hard };

  /// @param pending  features of the running trials, one row each
  LocalPenalty(Form form, const GaussianProcess& process, device::Block<const double> pending,
               double incumbent, Random& random);

  /// Logarithm of the product of all penalties; adds its derivatives.
  /// @param features    of one point
  /// @param by_feature  as many, or empty
  double operator()(std::span<const double> features, std::span<double> by_feature) const;

 private:
  struct Ball {
    double radius = 0, spread = 1;
  };
  double soft(double distance, const Ball& ball, double& slope) const;
  double hard(double distance, const Ball& ball, double& slope) const;

  Form form_;
  std::vector<double> scale_;   ///< by feature
  std::vector<double> points_;  ///< features of the running trials
  std::vector<Ball> balls_;
};

}  // namespace regatta::search
