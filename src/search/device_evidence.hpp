#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "regatta/device/evidence.hpp"
#include "regatta/search/gaussian_process.hpp"

// What a Gaussian process leaves to an accelerator.
namespace regatta::search {

/// From so many observations on the solver does the work: the likelihood with 20 derivatives took an H200 0.42, 1.2 and 2.9 ms for 200,
/// 500 and 1000 observations, and a core with LAPACK 2.8, 6.9 and 13 times as long (bench gp --device cuda).
constexpr std::size_t evidence_crossover = 200;

/// `solver` where it has this kernel and n observations are worth it, else null.
device::EvidenceSolver* worthwhile(device::EvidenceSolver* solver, KernelKind kind, std::size_t n);

/// @pre a product kernel
device::KernelProfile profile_of(KernelKind kind);

/// As MarginalLikelihood's operator.
/// @param gradient  Hyperparameters::flat(), or empty
std::optional<double> likelihood_by(device::EvidenceSolver& solver,
                                    const device::ObservedCovariance& covariance,
                                    std::span<const double> values, const FeatureGroups& groups,
                                    std::span<double> gradient);

}  // namespace regatta::search
