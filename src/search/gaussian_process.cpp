#include "regatta/search/gaussian_process.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numbers>

#include "device_evidence.hpp"
#include "input_warp.hpp"
#include "kernel.hpp"
#include "order.hpp"
#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

namespace algebra = device::algebra;
using algebra::dot;
using algebra::Form;
using device::Block;

constexpr std::size_t sketched_at_once = 32;  ///< points whose covariances stay in the cache
constexpr double largest_jitter = 1e-3;       ///< of the variance
constexpr double smallest_variance = 1e-20;   ///< of a prediction, as a fraction of the process's

std::vector<double> inverse_lengthscales(const FeatureGroups& groups,
                                         std::span<const double> log_lengthscales) {
  std::vector<double> result(groups.group_of.size());
  for (std::size_t k = 0; k < result.size(); ++k) result[k] = std::exp(-log_lengthscales[groups.group_of[k]]);
  return result;
}

/// Warped and scaled rows; slopes of the warp where `slopes` is not null.
void scale_rows(Block<const double> points, const InputWarp& warp, std::span<const double> factors,
                double* result, double* slopes = nullptr) {
  const std::size_t d = points.columns;
  for (std::size_t i = 0; i < points.rows; ++i, result += d) {
    std::copy_n(points.row(i), d, result);
    if (!warp.trivial()) warp.apply({result, d}, {slopes ? slopes + i * d : nullptr, slopes ? d : 0});
    for (std::size_t k = 0; k < d; ++k) result[k] *= factors[k];
  }
}

}  // namespace

std::vector<double> Hyperparameters::flat() const {
  std::vector<double> result = log_lengthscales;
  result.push_back(log_variance);
  result.push_back(log_noise);
  result.insert(result.end(), log_shapes.begin(), log_shapes.end());
  return result;
}

Hyperparameters Hyperparameters::from_flat(std::span<const double> flat, std::size_t groups) {
  const auto lengthscales = flat.first(groups), shapes = flat.subspan(groups + 2);
  return {{lengthscales.begin(), lengthscales.end()},
          flat[groups],
          flat[groups + 1],
          {shapes.begin(), shapes.end()}};
}

// --- the process ---

GaussianProcess::GaussianProcess(KernelKind kind, FeatureGroups groups, Hyperparameters parameters)
    : kind_(kind),
      groups_(std::move(groups)),
      parameters_(std::move(parameters)),
      inverse_lengthscale_(inverse_lengthscales(groups_, parameters_.log_lengthscales)),
      variance_(std::exp(parameters_.log_variance)),
      noise_(std::exp(parameters_.log_noise)) {}

Block<double> GaussianProcess::inverse_factor(std::size_t n) { return {factor_.data(), n, n, capacity_}; }
Block<const double> GaussianProcess::inverse_factor() const {
  return {factor_.data(), known_, known_, capacity_};
}
Block<const double> GaussianProcess::scaled_points() const {
  return {points_.data(), known_, features(), features()};
}

std::vector<double> GaussianProcess::scaled(Block<const double> points, std::vector<double>* slopes) const {
  const InputWarp warp(groups_, parameters_.log_shapes);
  std::vector<double> result(points.rows * points.columns);
  if (slopes) slopes->resize(warp.trivial() ? 0 : result.size());
  scale_rows(points, warp, inverse_lengthscale_, result.data(),
             slopes && !warp.trivial() ? slopes->data() : nullptr);
  return result;
}

void GaussianProcess::reserve(std::size_t n) {
  if (n <= capacity_) return;
  const std::size_t capacity = std::max(n, capacity_ + capacity_ / 2 + 16);
  std::vector<double> factor(capacity * capacity);
  for (std::size_t i = 0; i < known_; ++i)
    std::copy_n(factor_.data() + i * capacity_, i + 1, factor.data() + i * capacity);
  factor_ = std::move(factor);
  capacity_ = capacity;
}

bool GaussianProcess::factorise(std::span<const double> noise, double jitter,
                                device::EvidenceSolver* solver) {
  Block<double> k = inverse_factor(known_);
  if (solver) {
    jitter_ = jitter;
    return solver->factorise({profile_of(kind_), scaled_points(), noise, variance_, noise_, jitter}, k);
  }
  Kernel(kind_, groups_).lower_values(scaled_points(), k);
  for (std::size_t i = 0; i < known_; ++i) {
    for (std::size_t j = 0; j < i; ++j) k(i, j) *= variance_;
    k(i, i) = variance_ * (1 + jitter) + noise_ + (noise.empty() ? 0 : noise[i]);
  }
  if (!algebra::cholesky(k)) return false;
  algebra::invert_lower(k);
  jitter_ = jitter;
  return true;
}

void GaussianProcess::set_points(Block<const double> points, std::span<const double> noise,
                                 device::EvidenceSolver* solver) {
  require(points.columns == features(), "a point has ", features(), " features, got ", points.columns);
  known_ = observed_ = 0;
  reserve(points.rows);
  known_ = observed_ = points.rows;
  points_ = scaled(points);
  noises_.assign(known_, noise_);
  for (std::size_t i = 0; i < noise.size(); ++i) noises_[i] += noise[i];
  solver = worthwhile(solver, kind_, known_);
  for (double jitter = 0; !factorise(noise, jitter, solver); jitter = jitter == 0 ? 1e-12 : 10 * jitter)
    if (jitter > largest_jitter)
      throw SystemFailure("the covariance matrix of the observations is not positive definite");
}

void GaussianProcess::append(std::span<const double> point, double noise) {
  assert(known_ == observed_);
  append_rows({point.data(), 1, point.size(), point.size()}, {&noise, 1});
  observed_ = known_;
  noises_.push_back(noise_ + noise);
}

void GaussianProcess::append_pending(Block<const double> points) {
  append_rows(points, {});
  weights_.resize(known_, 0.0);
}

void GaussianProcess::drop_pending() {
  known_ = observed_;
  points_.resize(known_ * features());
  weights_ = observed_weights_;
}

/// The rows of pending points in the factor are those of s, the factor of their covariance given all results:
/// values mean + s z with z standard normal add L^-T (0, z) to the weights.
std::vector<double> GaussianProcess::draw_fantasies(std::size_t count, Random& random) {
  const std::size_t n = observed_, q = known_ - n;
  std::vector<double> s(q * q), least(count, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < q; ++i)
    std::copy_n(factor_.data() + (n + i) * capacity_ + n, i + 1, s.data() + i * q);
  const Block<double> factor{s.data(), q, q, q};
  algebra::invert_lower(factor);
  const std::vector<double> mean =
      mean_at({points_.begin() + static_cast<std::ptrdiff_t>(n * features()), points_.end()});
  std::vector<double> all(count * known_, 0.0), values(count * q);
  for (std::size_t f = 0; f < count; ++f) {
    const std::span<double> row(all.data() + f * known_, known_);
    for (double& z : row.last(q)) z = random.normal();
    std::copy_n(row.data() + n, q, values.data() + f * q);
  }
  algebra::multiply_by_lower({values.data(), count, q, q}, factor, Form::Transposed);
  algebra::multiply_by_lower({all.data(), count, known_, known_}, inverse_factor(), Form::Plain);
  for (std::size_t f = 0; f < count; ++f) {
    for (std::size_t i = 0; i < q; ++i) least[f] = std::min(least[f], mean[i] + values[f * q + i]);
    for (std::size_t j = 0; j < n; ++j) all[f * known_ + j] += observed_weights_[j];
  }
  weights_ = std::move(all);
  return least;
}

/// With k the covariances of the new points with the known ones: v = L^-1 k, s s^T = k_new - v^T v, and the
/// new rows of the inverse factor are s^-1 (-v^T L^-1, 1).
void GaussianProcess::append_rows(Block<const double> points, std::span<const double> noise) {
  const std::size_t n = known_, m = points.rows;
  reserve(n + m);
  const std::vector<double> fresh = scaled(points);
  const Block<const double> scaled_fresh{fresh.data(), m, features(), features()};
  std::vector<double> v = cross(scaled_fresh, n);
  const Block<double> rows{v.data(), m, n, n};
  algebra::multiply_by_lower(rows, inverse_factor(), Form::Transposed);

  std::vector<double> rest(m * m);
  const Block<double> s{rest.data(), m, m, m};
  Kernel(kind_, groups_).values(scaled_fresh, scaled_fresh, s);
  for (std::size_t i = 0; i < m; ++i) s(i, i) = 1;
  for (double& entry : rest) entry *= variance_;
  algebra::multiply(-1, rows, Form::Plain, rows, Form::Transposed, 1, s);
  const double least = 1e-10 * variance_;
  for (std::size_t i = 0; i < m; ++i)
    s(i, i) = std::max(s(i, i), 0.0) +
              std::max(least, noise_ + variance_ * jitter_ + (noise.empty() ? 0 : noise[i]));
  algebra::cholesky_with_jitter(s, least);
  algebra::invert_lower(s);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = i + 1; j < m; ++j) s(i, j) = 0;

  algebra::multiply_by_lower(rows, inverse_factor(), Form::Plain);
  known_ = n + m;
  const Block<double> target{factor_.data() + n * capacity_, m, n, capacity_};
  algebra::multiply(-1, s, Form::Plain, rows, Form::Plain, 0, target);
  for (std::size_t i = 0; i < m; ++i) std::copy_n(s.row(i), i + 1, target.row(i) + n);
  points_.insert(points_.end(), fresh.begin(), fresh.end());
}

void GaussianProcess::set_values(std::span<const double> values) {
  require(values.size() == observed_, "the process has ", observed_, " points, got ", values.size(),
          " values");
  values_.assign(values.begin(), values.end());
  const Block<const double> l{factor_.data(), observed_, observed_, capacity_};
  std::vector<double> ones(observed_, 1.0);
  weights_ = values_;
  algebra::multiply_lower(l, Form::Plain, weights_);
  algebra::multiply_lower(l, Form::Plain, ones);
  constant_ = dot(ones, weights_) / (dot(ones, ones) + 1);
  for (std::size_t i = 0; i < observed_; ++i) weights_[i] -= constant_ * ones[i];
  algebra::multiply_lower(l, Form::Transposed, weights_);
  observed_weights_ = weights_;
}

std::vector<double> GaussianProcess::cross(Block<const double> scaled, std::size_t known) const {
  std::vector<double> k(scaled.rows * known);
  Kernel(kind_, groups_)
      .values(scaled, {points_.data(), known, features(), features()}, {k.data(), scaled.rows, known, known});
  for (double& entry : k) entry *= variance_;
  return k;
}

void GaussianProcess::predict(Block<const double> points, Prediction& result) const {
  const std::size_t m = points.rows, n = known_, d = features(), count = fantasies();
  result.scaled = scaled(points, &result.slopes);
  result.whitened = cross({result.scaled.data(), m, d, d}, n);
  const Block<double> k{result.whitened.data(), m, n, n};
  result.mean.assign(m * count, constant_);
  algebra::multiply(1, k, Form::Plain, {weights_.data(), count, n, n}, Form::Transposed, 1,
                    {result.mean.data(), m, count, count});
  algebra::multiply_by_lower(k, inverse_factor(), Form::Transposed);
  result.variance.resize(m);
  for (std::size_t i = 0; i < m; ++i)
    result.variance[i] =
        std::max(smallest_variance * variance_, variance_ - dot({k.row(i), n}, {k.row(i), n}));
}

std::vector<double> GaussianProcess::factor_of(const std::vector<std::size_t>& chosen) const {
  const std::size_t k = chosen.size(), d = features();
  std::vector<double> points, factor(k * k);
  for (const std::size_t i : chosen)
    points.insert(points.end(), points_.data() + i * d, points_.data() + (i + 1) * d);
  const Block<double> l{factor.data(), k, k, k};
  Kernel(kind_, groups_).lower_values({points.data(), k, d, d}, l);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < i; ++j) l(i, j) *= variance_;
    l(i, i) = variance_ * (1 + jitter_) + (chosen[i] < observed_ ? noises_[chosen[i]] : noise_);
  }
  algebra::cholesky_with_jitter(l, 1e-12 * variance_);
  algebra::invert_lower(l);
  return factor;
}

void GaussianProcess::sketch(Block<const double> points, std::span<const double> centre,
                             std::size_t neighbours, Prediction& result) const {
  const std::size_t m = points.rows, n = known_, d = features();
  const std::vector<double> middle = scaled({centre.data(), 1, d, d});
  std::vector<double> away = cross({middle.data(), 1, d, d}, n);
  for (double& covariance : away) covariance = -covariance;
  std::vector<std::size_t> chosen = ascending(away);
  chosen.resize(std::min(n, neighbours));
  std::ranges::sort(chosen);
  const std::vector<double> factor = factor_of(chosen);
  std::vector<double> weights(n, 0.0);
  for (std::size_t i = 0; i < weights_.size(); ++i)
    weights[i % n] += weights_[i] / static_cast<double>(fantasies());

  result.scaled = scaled(points);
  const std::size_t few = chosen.size();
  result.whitened.resize(m * few);
  result.mean.resize(m);
  result.variance.resize(m);
  for (std::size_t first = 0; first < m; first += sketched_at_once) {
    const std::size_t rows = std::min(sketched_at_once, m - first);
    const std::vector<double> k = cross({result.scaled.data() + first * d, rows, d, d}, n);
    for (std::size_t i = 0; i < rows; ++i) {
      result.mean[first + i] = constant_ + dot({k.data() + i * n, n}, weights);
      for (std::size_t j = 0; j < few; ++j) result.whitened[(first + i) * few + j] = k[i * n + chosen[j]];
    }
  }
  algebra::multiply_by_lower({result.whitened.data(), m, few, few}, {factor.data(), few, few, few},
                             Form::Transposed);
  for (std::size_t i = 0; i < m; ++i) {
    const std::span<const double> row(result.whitened.data() + i * few, few);
    result.variance[i] = std::max(smallest_variance * variance_, variance_ - dot(row, row));
  }
}

/// The mean weighs dk by the weights, the variance by -2 K^-1 k = -2 L^-T (L^-1 k).
void GaussianProcess::pull_back(const Prediction& prediction, std::span<const double> by_mean,
                                std::span<const double> by_variance, Block<double> gradient) const {
  const std::size_t m = by_variance.size(), n = known_, d = features(), count = fantasies();
  std::vector<double> w = prediction.whitened;
  const Block<double> weights{w.data(), m, n, n};
  algebra::multiply_by_lower(weights, inverse_factor(), Form::Plain);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) weights(i, j) *= -2 * by_variance[i];
  algebra::multiply(1, {by_mean.data(), m, count, count}, Form::Plain, {weights_.data(), count, n, n},
                    Form::Plain, 1, weights);
  Kernel(kind_, groups_).pull({prediction.scaled.data(), m, d, d}, scaled_points(), weights, gradient);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t c = 0; c < d; ++c)
      gradient(i, c) *= variance_ * inverse_lengthscale_[c] *
                        (prediction.slopes.empty() ? 1 : prediction.slopes[i * d + c]);
}

std::vector<double> GaussianProcess::predict_mean(Block<const double> points) const {
  return mean_at(scaled(points));
}

std::vector<double> GaussianProcess::mean_at(const std::vector<double>& scaled) const {
  const std::size_t m = scaled.size() / features();
  const std::vector<double> k = cross({scaled.data(), m, features(), features()}, observed_);
  std::vector<double> mean(m, constant_);
  for (std::size_t i = 0; i < m; ++i)
    mean[i] += dot({k.data() + i * observed_, observed_}, observed_weights_);
  return mean;
}

std::vector<double> GaussianProcess::covariance(Block<const double> a, Block<const double> b) const {
  const std::size_t d = features();
  const std::vector<double> rows_a = scaled(a), rows_b = scaled(b);
  const Block<const double> x{rows_a.data(), a.rows, d, d}, y{rows_b.data(), b.rows, d, d};
  std::vector<double> result(a.rows * b.rows);
  const Block<double> c{result.data(), a.rows, b.rows, b.rows};
  Kernel(kind_, groups_).values(x, y, c);
  for (double& entry : result) entry *= variance_;
  std::vector<double> v = cross(x, known_), w = cross(y, known_);
  const Block<double> left{v.data(), a.rows, known_, known_}, right{w.data(), b.rows, known_, known_};
  algebra::multiply_by_lower(left, inverse_factor(), Form::Transposed);
  algebra::multiply_by_lower(right, inverse_factor(), Form::Transposed);
  algebra::multiply(-1, left, Form::Plain, right, Form::Transposed, 1, c);
  return result;
}

/// K weights = values - mean, and the mean of the latent function leaves out the noise on K's diagonal.
std::vector<double> GaussianProcess::latent_values() const {
  std::vector<double> result(observed_);
  for (std::size_t i = 0; i < observed_; ++i) result[i] = values_[i] - noises_[i] * observed_weights_[i];
  return result;
}

std::vector<double> GaussianProcess::leave_one_out() const {
  const Block<const double> l{factor_.data(), observed_, observed_, capacity_};
  std::vector<double> precision(observed_, 0.0), result(observed_);
  for (std::size_t i = 0; i < observed_; ++i)
    for (std::size_t j = 0; j <= i; ++j) precision[j] += l(i, j) * l(i, j);
  for (std::size_t i = 0; i < observed_; ++i)
    result[i] = 0.5 * std::log(precision[i]) -
                0.5 * observed_weights_[i] * observed_weights_[i] / precision[i] -
                0.5 * std::log(2 * std::numbers::pi);
  return result;
}

// --- the likelihood ---

namespace {

struct Evidence {
  double log_likelihood = 0, mean = 0;
  std::vector<double> weights;  ///< K^-1 (values - mean)
};

/// Of values with covariance `k` (lower triangle), the constant mean at its best; puts K^-1 in the place of
/// k. None where k is not positive definite.
std::optional<Evidence> evidence_of(Block<double> k, std::span<const double> values) {
  const std::size_t n = k.rows;
  if (!algebra::cholesky(k)) return std::nullopt;
  double half_log_determinant = 0;
  for (std::size_t i = 0; i < n; ++i) half_log_determinant += std::log(k(i, i));
  algebra::invert_product(k);

  // Two symmetric products, for the values and for ones.
  std::vector<double> both(2 * n), solved(2 * n);
  for (std::size_t i = 0; i < n; ++i) both[2 * i] = values[i], both[2 * i + 1] = 1;
  algebra::multiply_symmetric(k, {both.data(), n, 2, 2}, {solved.data(), n, 2, 2});
  double ones_ones = 0, ones_values = 0, values_values = 0;
  for (std::size_t i = 0; i < n; ++i) {
    ones_ones += solved[2 * i + 1];
    ones_values += solved[2 * i];
    values_values += solved[2 * i] * values[i];
  }
  Evidence evidence{.mean = ones_values / (ones_ones + 1), .weights = std::vector<double>(n)};
  const double mean = evidence.mean;
  const double quadratic = values_values - 2 * mean * ones_values + mean * mean * (ones_ones + 1);
  evidence.log_likelihood =
      -0.5 * quadratic - half_log_determinant - 0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
  if (!std::isfinite(evidence.log_likelihood)) return std::nullopt;
  for (std::size_t i = 0; i < n; ++i) evidence.weights[i] = solved[2 * i] - mean * solved[2 * i + 1];
  return evidence;
}

}  // namespace

MarginalLikelihood::MarginalLikelihood(KernelKind kind, const FeatureGroups& groups,
                                       const Observations& observations, device::EvidenceSolver* solver)
    : kind_(kind),
      groups_(groups),
      observations_(observations),
      solver_(worthwhile(solver, kind, observations.points.rows)) {
  const std::size_t n = observations_.points.rows, d = observations_.points.columns;
  scaled_.resize(n * d);
}

std::optional<double> MarginalLikelihood::operator()(std::span<const double> parameters,
                                                     std::span<double> gradient) {
  const std::size_t n = observations_.points.rows, d = observations_.points.columns, groups = groups_.groups;
  const double variance = std::exp(parameters[groups]), noise = std::exp(parameters[groups + 1]);
  const std::vector<double> factors = inverse_lengthscales(groups_, parameters);
  const InputWarp warp(groups_, parameters.subspan(groups + 2));
  scale_rows(observations_.points, warp, factors, scaled_.data());
  const Block<const double> x{scaled_.data(), n, d, d};
  if (solver_ && warp.trivial())
    return likelihood_by(*solver_, {profile_of(kind_), x, observations_.noise, variance, noise, 1e-12},
                         observations_.values, groups_, gradient);
  covariance_.resize(n * n);
  const Block<double> k{covariance_.data(), n, n, n};
  const Kernel kernel(kind_, groups_);
  kernel.lower_values(x, k);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) k(i, j) *= variance;
    k(i, i) = variance * (1 + 1e-12) + noise + (observations_.noise.empty() ? 0 : observations_.noise[i]);
  }
  const auto evidence = evidence_of(k, observations_.values);
  if (!evidence || gradient.empty()) return evidence ? std::optional(evidence->log_likelihood) : std::nullopt;

  // dL/dt = tr((w w^T - K^-1) dK/dt) / 2, where w^T K w = w^T (z - mean) and tr(K^-1 K) = n.
  const std::vector<double>& weights = evidence->weights;
  double by_noise = 0, by_variance = -static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double diagonal = weights[i] * weights[i] - k(i, i);
    const double known = observations_.noise.empty() ? 0 : observations_.noise[i];
    by_noise += diagonal;
    by_variance += weights[i] * (observations_.values[i] - evidence->mean) - diagonal * (noise + known);
    for (std::size_t j = 0; j < i; ++j) k(i, j) = variance * (weights[i] * weights[j] - k(i, j));
  }
  std::ranges::fill(gradient, 0.0);
  if (warp.trivial()) {
    kernel.add_lengthscale_gradient(x, k, gradient);
  } else {
    pull_to_points(kernel, x, k, warp, factors, gradient);
  }
  gradient[groups] = 0.5 * by_variance;
  gradient[groups + 1] = 0.5 * noise * by_noise;
  return evidence->log_likelihood;
}

/// By the scaled points first, whose derivatives by the lengthscales and the shapes are known.
void MarginalLikelihood::pull_to_points(const Kernel& kernel, Block<const double> x, Block<double> w,
                                        const InputWarp& warp, std::span<const double> factors,
                                        std::span<double> gradient) const {
  const std::size_t n = x.rows, d = x.columns, groups = groups_.groups;
  for (std::size_t i = 0; i < n; ++i) {
    w(i, i) = 0;
    for (std::size_t j = 0; j < i; ++j) w(j, i) = w(i, j);
  }
  std::vector<double> by_points(n * d);
  kernel.pull(x, x, w, {by_points.data(), n, d, d});
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < d; ++c) {
      double& entry = by_points[i * d + c];
      gradient[groups_.group_of[c]] -= entry * x(i, c);
      entry *= factors[c];
    }
  for (std::size_t i = 0; i < n; ++i)
    warp.pull_back({observations_.points.row(i), d}, std::span(by_points).subspan(i * d, d),
                   gradient.subspan(groups + 2));
}

}  // namespace regatta::search
