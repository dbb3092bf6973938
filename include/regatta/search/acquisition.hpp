#pragma once

namespace regatta::search {

/// exp(x^2) erfc(x), which neither overflows nor underflows for x >= -26.
double scaled_erfc(double x);
/// Logarithm of the standard normal distribution function, exact in the far tail too.
double log_normal_probability(double v);

/// A value and its derivatives by the mean and by the variance of a Gaussian belief.
struct Acquired {
  double value = 0;
  double by_mean = 0;
  double by_variance = 0;
};

/// Logarithm of the expected improvement of a belief N(mean, variance) about a loss under `best`,
///
///     ln EI = ln sigma + ln h(v),   h(v) = phi(v) + v Phi(v),   v = (best - mean) / sigma,
///
/// in three branches of v that keep all digits down to v = -1e150. Ament et al. (2023), Unexpected
/// improvements to expected improvement for Bayesian optimization, NeurIPS 36.
/// @param variance  above 0
Acquired log_expected_improvement(double mean, double variance, double best);

/// Expected improvement itself. Jones, Schonlau, Welch (1998), J. Global Optim. 13, 455-492.
Acquired expected_improvement(double mean, double variance, double best);

/// The optimist's view of a loss with its sign turned: -mean + sqrt(beta) sigma, to be maximised (GP-UCB).
/// Srinivas et al. (2010), ICML 27.
Acquired upper_confidence_bound(double mean, double variance, double beta);

}  // namespace regatta::search
