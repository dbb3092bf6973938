#pragma once

#include <optional>

#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

bool is_additive(KernelKind kernel);

struct FitSetting {
  KernelKind kernel = KernelKind::Matern52;
  const FeatureGroups* groups = nullptr;
  bool learn_noise = true;
  std::optional<Hyperparameters> previous;  ///< where to start, beside the prior's mode
};

/// Hyperparameters of the largest posterior density (MAP) given the observations, by L-BFGS with analytic gradients.
///
/// Priors: the lengthscales of d groups are log-normal around 0.4 sqrt(d), which grows with the diameter of the cube (Hvarfner,
/// Hellsten, Nardi 2024, Vanilla Bayesian optimization performs great in high dimensions, ICML 41, with a narrower belief than
/// theirs); variance and noise log-normal and wide.
Hyperparameters fit_hyperparameters(const FitSetting& setting, const Observations& observations);

}  // namespace regatta::search
