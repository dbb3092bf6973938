#include "evidence.hpp"

#include <cmath>

#include "check.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

constexpr unsigned features_at_once = 8;  ///< sums that a thread keeps in registers

__device__ inline double difference(const DeviceCovariance& of, std::size_t feature, std::size_t i,
                                    std::size_t j) {
  return of.x[feature * of.points + i] - of.x[feature * of.points + j];
}

__device__ inline double squared_distance(const DeviceCovariance& of, std::size_t i, std::size_t j) {
  double sum = 0;
  for (std::size_t c = 0; c < of.features; ++c) sum += difference(of, c, i, j) * difference(of, c, i, j);
  return sum;
}

__device__ inline double noise_of(const DeviceCovariance& of, std::size_t i) {
  return of.noise + (of.known_noise ? of.known_noise[i] : 0.0);
}

template <KernelProfile profile>
__device__ double value(double squared) {
  if constexpr (profile == KernelProfile::Rbf) {
    return std::exp(-0.5 * squared);
  } else {
    const double scaled = std::sqrt(5 * squared);
    return (1 + scaled + (5.0 / 3) * squared) * std::exp(-scaled);
  }
}

/// -2 dk/d(r^2), so that dk/d ln(lengthscale) = slope (difference)^2.
template <KernelProfile profile>
__device__ double slope(double squared) {
  if constexpr (profile == KernelProfile::Rbf) {
    return std::exp(-0.5 * squared);
  } else {
    const double scaled = std::sqrt(5 * squared);
    return (5.0 / 3) * (1 + scaled) * std::exp(-scaled);
  }
}

/// Adds up each row over the block, in pairs; the sums stand in column 0.
template <unsigned rows>
__device__ void add_up(double (&terms)[rows][threads_per_line], unsigned thread) {
  __syncthreads();
  for (unsigned half = threads_per_line / 2; half > 0; half /= 2) {
    if (thread < half)
      for (unsigned row = 0; row < rows; ++row) terms[row][thread] += terms[row][thread + half];
    __syncthreads();
  }
}

template <KernelProfile profile>
__global__ void covariance_rows(DeviceCovariance covariance, double* k) {
  const std::size_t i = row_of_thread(), n = covariance.points;
  if (i >= n) return;
  for (std::size_t j = column_first(); j < i; j += column_step())
    k[i * n + j] = covariance.variance * value<profile>(squared_distance(covariance, i, j));
  if (column_first() == 0)
    k[i * n + i] = covariance.variance * (1 + covariance.jitter) + noise_of(covariance, i);
}

__global__ void write_diagonal(double* matrix, std::size_t n) {
  for (std::size_t i = line_first(); i < n; i += line_step()) matrix[i * n + i] = 1;
}

/// One block. The mean's prior adds 1 to ones^T K^-1 ones.
__global__ void find_mean(const double* factor, double* both, std::size_t n, const int* failed_pivot,
                          EvidenceSums* sums) {
  __shared__ double terms[4][threads_per_line];
  const unsigned thread = threadIdx.x;
  double *values = both, *ones = both + n;
  double logarithms = 0, ones_ones = 0, ones_values = 0, values_values = 0;
  for (std::size_t i = thread; i < n; i += threads_per_line) {
    logarithms += std::log(factor[i * n + i]);
    ones_ones += ones[i] * ones[i];
    ones_values += ones[i] * values[i];
    values_values += values[i] * values[i];
  }
  terms[0][thread] = logarithms;
  terms[1][thread] = ones_ones;
  terms[2][thread] = ones_values;
  terms[3][thread] = values_values;
  add_up(terms, thread);

  const double mean = terms[2][0] / (terms[1][0] + 1);
  for (std::size_t i = thread; i < n; i += threads_per_line) values[i] -= mean * ones[i];
  if (thread > 0) return;
  sums->failed_pivot = *failed_pivot;
  sums->half_log_determinant = terms[0][0];
  sums->mean = mean;
  sums->misfit = terms[3][0] - 2 * mean * terms[2][0] + mean * mean * terms[1][0];
}

/// One block.
__global__ void sum_diagonal(DeviceCovariance covariance, const double* inverse, const double* weights,
                             EvidenceSums* sums) {
  __shared__ double terms[2][threads_per_line];
  const unsigned thread = threadIdx.x;
  double by_noise = 0, all_noise = 0;
  for (std::size_t i = thread; i < covariance.points; i += threads_per_line) {
    const double diagonal = weights[i] * weights[i] - inverse[i * covariance.points + i];
    by_noise += diagonal;
    all_noise += diagonal * noise_of(covariance, i);
  }
  terms[0][thread] = by_noise;
  terms[1][thread] = all_noise;
  add_up(terms, thread);
  if (thread > 0) return;
  sums->by_noise = terms[0][0];
  sums->all_noise = terms[1][0];
}

/// A block takes `tile_rows` rows, a warp walks along each; blockIdx.y counts groups of features.
template <KernelProfile profile>
__global__ void lengthscale_rows(DeviceCovariance covariance, const double* inverse, const double* weights,
                                 double* partial) {
  __shared__ double terms[features_at_once][threads_per_line];
  const std::size_t i = row_of_thread(), n = covariance.points,
                    first = std::size_t{blockIdx.y} * features_at_once;
  const unsigned thread = threadIdx.y * warp + threadIdx.x;
  double sums[features_at_once] = {};
  for (std::size_t j = threadIdx.x; i < n && j < i; j += warp) {
    const double g = weights[i] * weights[j] - inverse[i * n + j];
    const double weight = covariance.variance * g * slope<profile>(squared_distance(covariance, i, j));
    for (unsigned f = 0; f < features_at_once; ++f) {
      if (first + f >= covariance.features) continue;
      const double apart = difference(covariance, first + f, i, j);
      sums[f] += weight * apart * apart;
    }
  }
  for (unsigned f = 0; f < features_at_once; ++f) terms[f][thread] = sums[f];
  add_up(terms, thread);
  if (thread < features_at_once && first + thread < covariance.features)
    partial[(first + thread) * gridDim.x + blockIdx.x] = terms[thread][0];
}

/// One block per sum.
__global__ void sum_slices(const double* partial, std::size_t slices, double* sums) {
  __shared__ double terms[1][threads_per_line];
  const unsigned thread = threadIdx.x;
  double sum = 0;
  for (std::size_t slice = thread; slice < slices; slice += threads_per_line)
    sum += partial[blockIdx.x * slices + slice];
  terms[0][thread] = sum;
  add_up(terms, thread);
  if (thread == 0) sums[blockIdx.x] = terms[0][0];
}

}  // namespace

void covariance_matrix(const DeviceCovariance& covariance, double* k, Stream& stream) {
  const auto kernel = covariance.profile == KernelProfile::Rbf ? covariance_rows<KernelProfile::Rbf>
                                                               : covariance_rows<KernelProfile::Matern52>;
  check(launch(stream, matrix_shape(covariance.points, covariance.points), kernel, covariance, k));
}

void identity_matrix(double* matrix, std::size_t n, Stream& stream) {
  clear(matrix, n * n * sizeof(double), stream);
  check(launch(stream, line_shape(n), write_diagonal, matrix, n));
}

void profile_mean(const double* factor, double* both, std::size_t n, const int* failed_pivot,
                  EvidenceSums* sums, Stream& stream) {
  check(launch(stream, {1, threads_per_line}, find_mean, factor, both, n, failed_pivot, sums));
}

void noise_gradient(const DeviceCovariance& covariance, const double* inverse, const double* weights,
                    EvidenceSums* sums, Stream& stream) {
  check(launch(stream, {1, threads_per_line}, sum_diagonal, covariance, inverse, weights, sums));
}

std::size_t lengthscale_slices(std::size_t points) { return blocks_for(points, tile_rows); }

void lengthscale_gradient(const DeviceCovariance& covariance, const double* inverse, const double* weights,
                          double* partial, double* gradient, Stream& stream) {
  if (covariance.features == 0) return;
  const auto slices = static_cast<unsigned>(lengthscale_slices(covariance.points));
  const auto groups = static_cast<unsigned>(blocks_for(covariance.features, features_at_once));
  const auto kernel = covariance.profile == KernelProfile::Rbf ? lengthscale_rows<KernelProfile::Rbf>
                                                               : lengthscale_rows<KernelProfile::Matern52>;
  check(launch(stream, {{slices, groups}, {warp, tile_rows}}, kernel, covariance, inverse, weights, partial));
  check(launch(stream, {static_cast<unsigned>(covariance.features), threads_per_line}, sum_slices, partial,
               std::size_t{slices}, gradient));
}

}  // namespace regatta::device::cuda
