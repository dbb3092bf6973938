#include "evidence_solver.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include "check.hpp"
#include "evidence.hpp"
#include "handles.hpp"
#include "regatta/core/error.hpp"

// cuSOLVER and cuBLAS count along columns: a lower triangle L by rows is an upper one there, U = L^T, and K =
// L L^T is U^T U.
namespace regatta::device::cuda {
namespace {

constexpr cublasFillMode_t upper = CUBLAS_FILL_MODE_UPPER;
constexpr std::size_t number_of_sums = sizeof(EvidenceSums) / sizeof(double);

int as_int(std::size_t n) { return static_cast<int>(n); }

std::optional<Evidence> evidence_of(const EvidenceSums& sums, const DeviceCovariance& covariance) {
  const auto n = static_cast<double>(covariance.points);
  const double quadratic = sums.misfit + sums.mean * sums.mean;
  Evidence evidence;
  evidence.log_likelihood =
      -0.5 * quadratic - sums.half_log_determinant - 0.5 * n * std::log(2 * std::numbers::pi);
  if (sums.failed_pivot != 0 || !std::isfinite(evidence.log_likelihood)) return std::nullopt;
  return evidence;
}

/// One stream of work on one device.
class CudaEvidenceSolver final : public EvidenceSolver {
 public:
  explicit CudaEvidenceSolver(int ordinal) : device_(ordinal), blas_(stream_), solver_(stream_) {}
  ~CudaEvidenceSolver() override { device_.use(); }

  std::optional<Evidence> evaluate(const ObservedCovariance& covariance, std::span<const double> values,
                                   bool with_gradient) override {
    const std::size_t n = values.size(), d = covariance.features.columns;
    require(n > 0 && n == covariance.features.rows, "as many values as points are needed, got ", n);
    const DeviceCovariance on_device = upload(covariance, values);
    double* k = factor(on_device);
    double* both = inputs_.at_least(staged_.size()) + staged_.size() - 2 * n;
    solve(CUBLAS_OP_T, k, n, both, 2);
    double* results = results_.at_least(number_of_sums + d);
    auto* sums = reinterpret_cast<EvidenceSums*>(results);
    profile_mean(k, both, n, pivots_.at_least(2), sums, stream_);
    if (with_gradient) differentiate(on_device, k, both, sums, results + number_of_sums);

    std::vector<double> downloaded(number_of_sums + (with_gradient ? d : 0));
    const std::size_t bytes = downloaded.size() * sizeof(double);
    check(cudaMemcpyAsync(downloaded.data(), results, bytes, cudaMemcpyDeviceToHost, stream_));
    check(cudaStreamSynchronize(stream_));
    return read(downloaded, on_device, with_gradient);
  }

  bool factorise(const ObservedCovariance& covariance, Block<double> inverse_factor) override {
    const std::size_t n = covariance.features.rows, row = n * sizeof(double);
    if (n == 0) return true;
    const DeviceCovariance on_device = upload(covariance, {});
    double* u = factor(on_device);
    int failed_pivot = 0;  // asked for at once: what follows costs three times as much
    check(cudaMemcpyAsync(&failed_pivot, pivots_.at_least(2), sizeof(int), cudaMemcpyDeviceToHost, stream_));
    check(cudaStreamSynchronize(stream_));
    if (failed_pivot != 0) return false;
    double* inverse = inverse_.at_least(n * n);
    identity_matrix(inverse, n, stream_);
    solve(CUBLAS_OP_N, u, n, inverse, n);
    check(cudaMemcpy2DAsync(inverse_factor.data, inverse_factor.stride * sizeof(double), inverse, row, row, n,
                            cudaMemcpyDeviceToHost, stream_));
    check(cudaStreamSynchronize(stream_));
    for (std::size_t i = 0; i < n; ++i)
      if (!std::isfinite(inverse_factor(i, i))) return false;
    return true;
  }

 private:
  /// Sends all numbers in one piece: features by columns, known noise, and where there are values these and
  /// as many ones.
  DeviceCovariance upload(const ObservedCovariance& from, std::span<const double> values) {
    const std::size_t n = from.features.rows, d = from.features.columns;
    require(n <= most_points, "the device takes up to ", most_points, " points, got ", n);
    device_.use();
    staged_.clear();
    for (std::size_t c = 0; c < d; ++c)
      for (std::size_t i = 0; i < n; ++i) staged_.push_back(from.features(i, c));
    staged_.insert(staged_.end(), from.known_noise.begin(), from.known_noise.end());
    staged_.insert(staged_.end(), values.begin(), values.end());
    staged_.resize(staged_.size() + values.size(), 1.0);
    double* inputs = inputs_.at_least(staged_.size());
    check(cudaMemcpyAsync(inputs, staged_.data(), staged_.size() * sizeof(double), cudaMemcpyHostToDevice,
                          stream_));
    return {
        from.profile,  n,          d,          inputs, from.known_noise.empty() ? nullptr : inputs + n * d,
        from.variance, from.noise, from.jitter};
  }

  /// U in the place of K. The first pivot tells whether there is one.
  double* factor(const DeviceCovariance& covariance) {
    const int n = as_int(covariance.points);
    double* k = matrix_.at_least(covariance.points * covariance.points);
    covariance_matrix(covariance, k, stream_);
    int size = 0;
    check(cusolverDnDpotrf_bufferSize(solver_, upper, n, k, n, &size));
    check(cusolverDnDpotrf(solver_, upper, n, k, n, workspace(size), size, pivots_.at_least(2)));
    return k;
  }

  /// K^-1 in the place of U.
  void invert(double* u, std::size_t points) {
    const int n = as_int(points);
    int size = 0;
    check(cusolverDnDpotri_bufferSize(solver_, upper, n, u, n, &size));
    check(cusolverDnDpotri(solver_, upper, n, u, n, workspace(size), size, pivots_.at_least(2) + 1));
  }

  double* workspace(int size) { return workspace_.at_least(static_cast<std::size_t>(size)); }

  /// b = op(U)^-1 b for `columns` vectors.
  void solve(cublasOperation_t operation, const double* u, std::size_t n, double* b, std::size_t columns) {
    const double one = 1;
    check(cublasDtrsm(blas_, CUBLAS_SIDE_LEFT, upper, operation, CUBLAS_DIAG_NON_UNIT, as_int(n),
                      as_int(columns), &one, u, as_int(n), b, as_int(n)));
  }

  /// @param centred  in: L^-1 (values - mean)
  void differentiate(const DeviceCovariance& covariance, double* u, double* centred, EvidenceSums* sums,
                     double* gradient) {
    const std::size_t n = covariance.points;
    solve(CUBLAS_OP_N, u, n, centred, 1);
    const double* weights = centred;
    invert(u, n);
    noise_gradient(covariance, u, weights, sums, stream_);
    lengthscale_gradient(covariance, u, weights,
                         partial_.at_least(lengthscale_slices(n) * covariance.features), gradient, stream_);
  }

  static std::optional<Evidence> read(const std::vector<double>& results, const DeviceCovariance& covariance,
                                      bool with_gradient) {
    const EvidenceSums sums{results[0], results[1], results[2], results[3], results[4], results[5]};
    std::optional<Evidence> evidence = evidence_of(sums, covariance);
    if (!evidence || !with_gradient) return evidence;
    // tr(g dK/d ln variance) = w^T K w - tr(K^-1 K) - (the same for the noise), where w^T K w is the misfit.
    evidence->by_log_variance = 0.5 * (sums.misfit - static_cast<double>(covariance.points) - sums.all_noise);
    evidence->by_log_noise = 0.5 * covariance.noise * sums.by_noise;
    evidence->by_log_lengthscale.assign(results.begin() + number_of_sums, results.end());
    return evidence;
  }

  Device device_;
  Stream stream_;
  Cublas blas_;
  Cusolver solver_;
  std::vector<double> staged_;
  Scratch<double> inputs_{stream_}, matrix_{stream_}, inverse_{stream_}, workspace_{stream_}, results_{stream_}, partial_{stream_};
  Scratch<int> pivots_{stream_};
};

}  // namespace

std::unique_ptr<EvidenceSolver> make_evidence_solver(int ordinal) {
  return std::make_unique<CudaEvidenceSolver>(ordinal);
}

}  // namespace regatta::device::cuda
