#pragma once

#include <optional>
#include <vector>

#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

enum class FitMethod {
  Gradients,  ///< L-BFGS
  Evolution,  ///< CMA-ES, then L-BFGS from there: for posteriors with several modes, at a multiple of the
              ///< cost
};

struct FitSetting {
  KernelKind kernel = KernelKind::Matern52;
  const FeatureGroups* groups = nullptr;
  bool learn_noise = true;
  std::optional<Hyperparameters> previous;  ///< where to start, beside the prior's mode
  FitMethod method = FitMethod::Gradients;
  device::EvidenceSolver* solver = nullptr;  ///< does the algebra where it is worth it
  bool warped = false;                       ///< the inputs
};

/// Hyperparameters of the largest posterior density (MAP) given the observations, by L-BFGS with analytic
/// gradients. A pure function of its arguments. Where L-BFGS has no start with a density, CMA-ES looks for a
/// place that has one.
///
/// Priors: the lengthscales of d groups are log-normal around a common one, and that around 0.4 sqrt(d), which
/// grows with the diameter of the cube (Hvarfner, Hellsten, Nardi 2024, Vanilla Bayesian optimization performs
/// great in high dimensions, ICML 41, with a narrower belief than theirs). So all may be short where the
/// results say so, while a few results do not pass for the whim of one parameter; variance and noise log-normal
/// and wide; shapes of a warp log-normal around 1, with 0.75 as in BoTorch.
Hyperparameters fit_hyperparameters(const FitSetting& setting, const Observations& observations);

/// Draws from a normal distribution of the logarithms around their mode: Laplace's approximation (MacKay
/// 2003, Information theory, inference, and learning algorithms, chapter 27) by the diagonal of the second
/// derivatives, with standard deviations within [0.05, 1] and draws within the bounds of the fit. A noise
/// that is not learnt stays.
std::vector<Hyperparameters> sample_hyperparameters(const FitSetting& setting,
                                                    const Observations& observations,
                                                    const Hyperparameters& mode, std::size_t count,
                                                    Random& random);

}  // namespace regatta::search
