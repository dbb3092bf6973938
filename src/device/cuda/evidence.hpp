#pragma once

#include <cstddef>

#include "regatta/device/evidence.hpp"
#include "stream.hpp"

// What surrounds the factorisation of a covariance matrix, in FP64. Matrices are n x n by rows, and only
// their lower triangle is read or written. Each function returns at once with the work in flight on `stream`;
// sums have a fixed order.
namespace regatta::device::cuda {

/// An ObservedCovariance on the device.
struct DeviceCovariance {
  KernelProfile profile;
  std::size_t points;
  std::size_t features;
  const double* x;            ///< features x points: neighbouring threads read neighbouring points
  const double* known_noise;  ///< by point, or null
  double variance;
  double noise;
  double jitter;
};

/// Sums over the points, w = K^-1 (values - mean), g = w w^T - K^-1.
struct EvidenceSums {
  double failed_pivot;  ///< the factorisation's word; 0: the matrix is positive definite
  double half_log_determinant;
  double mean;
  double misfit;     ///< (values - mean)^T w
  double by_noise;   ///< sum of g_ii
  double all_noise;  ///< sum of g_ii times the noise of point i
};

void covariance_matrix(const DeviceCovariance& covariance, double* k, Stream& stream);
void identity_matrix(double* matrix, std::size_t n, Stream& stream);

/// Everything in `sums` that needs no derivative.
/// @param factor  L, of K = L L^T
/// @param both    in: L^-1 values and L^-1 ones, n numbers each; out: the first becomes L^-1 (values - mean)
void profile_mean(const double* factor, double* both, std::size_t n, const int* failed_pivot,
                  EvidenceSums* sums, Stream& stream);

/// The rest of `sums`.
/// @param inverse  K^-1
/// @param weights  w
void noise_gradient(const DeviceCovariance& covariance, const double* inverse, const double* weights,
                    EvidenceSums* sums, Stream& stream);

/// gradient(c) = sum over i > j of variance g_ij slope(r_ij) (x_ic - x_jc)^2. Slopes are computed again from
/// the features: a second matrix would take as much memory as the first.
/// @param partial  room for lengthscale_slices(points) x features numbers
void lengthscale_gradient(const DeviceCovariance& covariance, const double* inverse, const double* weights,
                          double* partial, double* gradient, Stream& stream);
std::size_t lengthscale_slices(std::size_t points);

}  // namespace regatta::device::cuda
