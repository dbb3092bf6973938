#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "regatta/device/linear_algebra.hpp"

namespace regatta::device {

/// A product kernel of unit variance as a function of the distance r (Rasmussen and Williams 2006, 4.2):
/// Matern 5/2: (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r); RBF: exp(-r^2 / 2).
enum class KernelProfile : std::int32_t { Matern52, Rbf };

/// The covariance matrix of n noisy observations: K_ij = variance k(r_ij) and
/// K_ii = variance (1 + jitter) + noise + known_noise_i.
struct ObservedCovariance {
  KernelProfile profile = KernelProfile::Matern52;
  Block<const double> features;         ///< n x d, divided by their lengthscales
  std::span<const double> known_noise;  ///< n, or empty: none
  double variance = 1;
  double noise = 0;
  double jitter = 0;
};

/// Log density of values under a Gaussian process whose constant mean, of prior N(0, 1), is at its best, and
/// its derivatives. Those by lengthscales are as if each feature had one of its own; empty: not asked for.
struct Evidence {
  double log_likelihood = 0;
  std::vector<double> by_log_lengthscale;  ///< by feature
  double by_log_variance = 0;
  double by_log_noise = 0;
};

/// The two steps of O(n^3) in fitting a Gaussian process to many observations, in FP64 on an accelerator.
///
/// Blocks lie on the host. Device memory is kept between calls and grows when needed: n^2 numbers, 2 n^2 for
/// factorise(), and the workspace of the library. One object belongs to one thread.
/// @throws SystemFailure      the device said no
/// @throws OutOfDeviceMemory
class EvidenceSolver {
 public:
  /// Factors of more points do not fit the 32 bits in which the library counts.
  static constexpr std::size_t most_points = 46340;

  virtual ~EvidenceSolver() = default;

  /// @param values  n > 0
  /// @return none where the matrix is not positive definite
  virtual std::optional<Evidence> evaluate(const ObservedCovariance& covariance,
                                           std::span<const double> values, bool with_gradient) = 0;

  /// Writes the inverse of the lower Cholesky factor, n x n; what lies above its diagonal is lost.
  /// @return false where the matrix is not positive definite
  [[nodiscard]] virtual bool factorise(const ObservedCovariance& covariance,
                                       Block<double> inverse_factor) = 0;
};

/// Loads the CUDA module beside the executable.
/// @param ordinal  device number as the CUDA runtime counts it, from 0
/// @throws Unavailable  as make_cuda_backend()
std::unique_ptr<EvidenceSolver> make_cuda_evidence_solver(int ordinal);

}  // namespace regatta::device
