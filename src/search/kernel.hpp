#pragma once

#include <span>

#include "regatta/device/linear_algebra.hpp"
#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

/// Squared distances between the rows of `a` and of `b`, never negative.
/// @param distances  a.rows x b.rows
void squared_distances(device::Block<const double> a, device::Block<const double> b,
                       device::Block<double> distances);

/// Turns squared distances r^2 into covariances k(r^2) of unit variance, in place.
///
/// Matern 5/2: (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r); RBF: exp(-r^2 / 2). Rasmussen and Williams (2006), Gaussian
/// Processes for Machine Learning, 4.2.
/// @param slope  as many; -2 dk/d(r^2); may be empty
void covariances(KernelKind kind, std::span<double> squared, std::span<double> slope);

}  // namespace regatta::search
