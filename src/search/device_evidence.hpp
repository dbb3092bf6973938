#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "regatta/device/evidence.hpp"
#include "regatta/search/gaussian_process.hpp"

// What a Gaussian process leaves to an accelerator.
namespace regatta::search {

/// From so many observations on the solver does the work. Published figures put the crossover of a Cholesky
/// factorisation alone at 400 to 500 rows in FP32; FP64 and the factor's way back to the host move it up. To
/// be confirmed on a GPU.
constexpr std::size_t evidence_crossover = 1500;

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
