#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/device/evidence.hpp"
#include "regatta/device/large_pages.hpp"
#include "regatta/device/linear_algebra.hpp"

namespace regatta::search {

class InputWarp;
class Kernel;
class KernelPoints;

enum class KernelKind { Matern52, Rbf, AdditiveMatern52, AdditiveRbf };

/// Features of the points of a space, by columns: which lengthscale each one has. Features of one group (the
/// two of a conditional parameter, the words of a choice) share theirs.
struct FeatureGroups {
  std::vector<std::size_t> group_of;  ///< by feature
  std::size_t groups = 0;
  std::vector<std::size_t> lines = {};  ///< features that are unit coordinates less 1/2, which may be warped
};

/// Hyperparameters of a Gaussian process, natural logarithms.
struct Hyperparameters {
  std::vector<double> log_lengthscales;  ///< by group, in the unit of the features
  double log_variance = 0;               ///< of the latent function
  double log_noise = -14;                ///< variance of the noise that all observations have

  std::vector<double> log_shapes = {};  ///< of an input warp: two for each of FeatureGroups::lines, or none

  /// Lengthscales, variance, noise, shapes.
  std::vector<double> flat() const;
  static Hyperparameters from_flat(std::span<const double> flat, std::size_t groups);
};

/// What has been seen: `points` has one row of features per observation.
struct Observations {
  device::Block<const double> points;
  std::span<const double> values;
  std::span<const double> noise;  ///< known variance of each value, beside the learnt one; may be empty
};

/// Gaussian beliefs about the latent function at m points.
struct Prediction {
  std::vector<double> mean;      ///< m x fantasies (one where there are none)
  std::vector<double> variance;  ///< m, above 0
  std::vector<double> whitened;  ///< m x known points: L^-1 k

  // for pull_back()
  std::vector<double> scaled;  ///< m x features: the points
  std::vector<double> slopes;  ///< m x features of a warp, or empty: the same by the points' features
  std::vector<double> solved;  ///< m x known points: K^-1 k
  std::vector<double> covariance_slopes;  ///< m x known points: of product kernels, by the squared distances
};

/// A Gaussian process with a stationary kernel, one lengthscale per group of features (ARD), and a constant
/// mean that is estimated together with the rest (prior N(0, 1)). Rasmussen and Williams (2006), 2.2 and 2.7.
///
/// Predictions go through the inverse of the Cholesky factor: one triangular product for any number of
/// points.
class GaussianProcess {
 public:
  GaussianProcess(KernelKind kind, FeatureGroups groups, Hyperparameters parameters);
  GaussianProcess(GaussianProcess&&) noexcept;
  GaussianProcess& operator=(GaussianProcess&&) noexcept;
  ~GaussianProcess();

  /// Takes the points: O(n^3). Adds jitter, ten times more at each try, where rounding makes the matrix
  /// indefinite.
  /// @param solver  does the work where it is worth it; may be null
  void set_points(device::Block<const double> points, std::span<const double> noise = {},
                  device::EvidenceSolver* solver = nullptr);
  /// Adds one point: O(n^2), or O(n) where it was pending when append_pending() was called last.
  void append(std::span<const double> point, double noise = 0);
  /// Adds points without values (running trials), which narrow the variance and leave the mean as it is:
  /// O(n^2) for each that was not pending before, else O(n) for each result since then and for each pending
  /// point.
  void append_pending(device::Block<const double> points);
  /// Gives the pending points `count` sets of values drawn from the belief, each with a mean of its own from
  /// now on.
  /// @return the least value of each set
  std::vector<double> draw_fantasies(std::size_t count, Random& random);
  /// Forgets the pending points.
  void drop_pending();
  /// Takes the values of all points (pending ones left out): O(n^2).
  void set_values(std::span<const double> values);

  std::size_t size() const { return observed_; }
  /// With the pending points.
  std::size_t known() const { return known_; }
  std::size_t features() const { return groups_.group_of.size(); }
  const Hyperparameters& parameters() const { return parameters_; }
  double variance() const { return variance_; }
  double noise() const { return noise_; }
  double mean() const { return constant_; }
  double jitter() const { return jitter_; }
  /// Features divided by their lengthscale.
  const std::vector<double>& scale() const { return inverse_lengthscale_; }

  /// Sets of values of the pending points; 1 where none were drawn.
  std::size_t fantasies() const { return weights_.size() / known_; }

  /// @param points       m x features
  /// @param derivatives  pull_back() will be asked for
  void predict(device::Block<const double> points, Prediction& result, bool derivatives = false) const;
  /// Derivatives by the features of a quantity that depends on the beliefs at m points, each on its own.
  /// @param by_mean      m x fantasies
  /// @param by_variance  m
  /// @param gradient     m x features (overwritten)
  void pull_back(const Prediction& prediction, std::span<const double> by_mean,
                 std::span<const double> by_variance, device::Block<double> gradient) const;
  /// For a first look at many points, O(n) each: the mean over the fantasies, and the variance that the
  /// `neighbours` known points which covary most with `centre` leave, an upper bound.
  /// @param result  its mean (m) and variance are set
  void sketch(device::Block<const double> points, std::span<const double> centre, std::size_t neighbours,
              Prediction& result) const;
  /// The mean alone: O(n) per point instead of O(n^2).
  std::vector<double> predict_mean(device::Block<const double> points) const;
  /// Posterior covariance of the latent function between two sets of points, a.rows x b.rows.
  std::vector<double> covariance(device::Block<const double> a, device::Block<const double> b) const;
  /// The mean at the points known, pending ones left out: each value less the noise that it is thought to
  /// have.
  std::vector<double> latent_values() const;
  /// Log density of each value under the model that has not seen it.
  /// Rasmussen and Williams (2006), 5.4.2.
  std::vector<double> leave_one_out() const;

 private:
  /// A point that is pending, or was when append_pending() was called last, and what the results say of it.
  /// It is kept until results come, which each add an entry to these rows, so that they need not be made
  /// anew.
  struct Watched {
    std::vector<double> scaled;       ///< by feature
    std::vector<double> covariances;  ///< with the points observed so far, k
    std::vector<double> whitened;     ///< L^-1 k
    std::vector<double> solved;       ///< K^-1 k
  };

  device::Block<double> inverse_factor(std::size_t n);
  device::Block<const double> inverse_factor() const;
  /// That of the observed points alone.
  device::Block<const double> observed_factor() const;
  /// Points warped and divided by their lengthscales.
  /// @param slopes  of the warp, points.rows x features; may be null
  std::vector<double> scaled(device::Block<const double> points, std::vector<double>* slopes = nullptr) const;
  std::vector<double> mean_at(const std::vector<double>& scaled) const;
  void reserve(std::size_t n);
  /// What is known of a scaled point, brought up to the observed points and no longer among those watched.
  Watched take_watched(std::span<const double> scaled);
  void append_rows(const std::vector<Watched>& fresh, double noise);
  bool factorise(std::span<const double> noise, double jitter, device::EvidenceSolver* solver);
  /// Inverse factor of the covariance of some of the known points, k x k.
  std::vector<double> factor_of(const std::vector<std::size_t>& chosen) const;
  std::vector<std::size_t> neighbours_of(std::span<const double> centre, std::size_t count) const;
  void glance(device::Block<const double> points, std::span<const std::size_t> chosen,
              std::span<double> means, double* covariances) const;
  /// m x n covariances between scaled rows and the points known, the first `known` ones.
  /// @param slopes  of a product kernel, as many; may be null
  std::vector<double> cross(device::Block<const double> scaled, std::size_t known,
                            std::vector<double>* slopes = nullptr) const;

  KernelKind kind_;
  FeatureGroups groups_;
  Hyperparameters parameters_;
  std::vector<double> inverse_lengthscale_;  ///< by feature
  double variance_ = 1, noise_ = 0, jitter_ = 0, constant_ = 0;
  std::size_t observed_ = 0, known_ = 0, capacity_ = 0;
  std::unique_ptr<KernelPoints> points_;  ///< known_, scaled
  device::LargeVector factor_;            ///< inverse of the lower Cholesky factor, rows `capacity_` apart
  std::vector<double> values_;            ///< observed_
  std::vector<double> noises_;            ///< observed_: variance of the noise of each value
  std::vector<double> observed_weights_;  ///< observed_: K^-1 (values - mean)
  std::vector<double> weights_;           ///< fantasies x known_: the same with pending points
  std::vector<Watched> watched_;          ///< the pending points, or the last ones
};

/// Log marginal likelihood of a Gaussian process as a function of its hyperparameters, with the constant mean
/// at its best.
class MarginalLikelihood {
 public:
  /// @param solver  does the work where it is worth it, and outlives this; may be null
  MarginalLikelihood(KernelKind kind, const FeatureGroups& groups, const Observations& observations,
                     device::EvidenceSolver* solver = nullptr);

  /// @param parameters  Hyperparameters::flat()
  /// @param gradient    as many, or empty
  /// @return none where the matrix is not positive definite
  std::optional<double> operator()(std::span<const double> parameters, std::span<double> gradient);

 private:
  void pull_to_points(const Kernel& kernel, const KernelPoints& points, device::Block<double> w,
                      const InputWarp& warp, std::span<const double> factors, std::span<double> gradient);

  KernelKind kind_;
  const FeatureGroups& groups_;
  Observations observations_;
  device::EvidenceSolver* solver_;
  std::vector<double> scaled_;
  device::LargeVector covariance_, slopes_;
};

}  // namespace regatta::search
