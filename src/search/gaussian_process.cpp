#include "regatta/search/gaussian_process.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "device_evidence.hpp"
#include "input_warp.hpp"
#include "kernel.hpp"
#include "kernel_points.hpp"
#include "line_tables.hpp"
#include "order.hpp"
#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

namespace algebra = device::algebra;
using algebra::dot;
using algebra::Form;
using device::Block;

constexpr std::size_t few_points = 16;  ///< for which one pass over the factor is faster than two products
constexpr std::size_t sketched_at_once = 32;  ///< points whose covariances stay in the cache
constexpr std::size_t row_alignment = 8;      ///< numbers in a line of the cache
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

GaussianProcess::GaussianProcess(GaussianProcess&&) noexcept = default;
GaussianProcess& GaussianProcess::operator=(GaussianProcess&&) noexcept = default;
GaussianProcess::~GaussianProcess() = default;

Block<double> GaussianProcess::inverse_factor(std::size_t n) { return {factor_.data(), n, n, capacity_}; }
Block<const double> GaussianProcess::inverse_factor() const {
  return {factor_.data(), known_, known_, capacity_};
}
Block<const double> GaussianProcess::observed_factor() const {
  return {factor_.data(), observed_, observed_, capacity_};
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
  const std::size_t wanted = std::max(n, capacity_ + capacity_ / 2 + 16);
  const std::size_t capacity = (wanted + row_alignment - 1) / row_alignment * row_alignment;
  device::LargeVector factor(capacity * capacity);
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
    return solver->factorise({profile_of(kind_), points_->rows(), noise, variance_, noise_, jitter}, k);
  }
  Kernel(kind_, groups_).lower_values(*points_, k);
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
  const std::vector<double> rows = scaled(points);
  points_ =
      std::make_unique<KernelPoints>(kind_, Block<const double>{rows.data(), known_, features(), features()});
  watched_.clear();
  noises_.assign(known_, noise_);
  for (std::size_t i = 0; i < noise.size(); ++i) noises_[i] += noise[i];
  solver = worthwhile(solver, kind_, known_);
  for (double jitter = 0; !factorise(noise, jitter, solver); jitter = jitter == 0 ? 1e-12 : 10 * jitter)
    if (jitter > largest_jitter)
      throw SystemFailure("the covariance matrix of the observations is not positive definite");
}

void GaussianProcess::append(std::span<const double> point, double noise) {
  assert(known_ == observed_);
  append_rows({take_watched(scaled({point.data(), 1, point.size(), point.size()}))}, noise);
  observed_ = known_;
  noises_.push_back(noise_ + noise);
}

void GaussianProcess::append_pending(Block<const double> points) {
  assert(known_ == observed_);
  const std::vector<double> rows = scaled(points);
  std::vector<Watched> pending;
  for (std::size_t i = 0; i < points.rows; ++i)
    pending.push_back(take_watched(std::span(rows).subspan(i * features(), features())));
  watched_ = std::move(pending);
  append_rows(watched_, 0);
  weights_.resize(known_, 0.0);
}

GaussianProcess::Watched GaussianProcess::take_watched(std::span<const double> scaled) {
  const auto found = std::ranges::find_if(
      watched_, [&](const Watched& each) { return std::ranges::equal(each.scaled, scaled); });
  Watched point;
  if (found != watched_.end()) {
    point = std::exchange(*found, {});
  } else {
    point.scaled.assign(scaled.begin(), scaled.end());
  }
  const std::size_t n = observed_, known = point.covariances.size();
  if (known == n) return point;
  for (std::vector<double>* row : {&point.covariances, &point.whitened, &point.solved}) row->resize(n);
  const std::span<double> fresh = std::span(point.covariances).subspan(known);
  Kernel(kind_, groups_).row_values(scaled.data(), *points_, known, fresh);
  for (double& entry : fresh) entry *= variance_;
  algebra::whiten(observed_factor(), {point.covariances.data(), 1, n, n}, {point.whitened.data(), 1, n, n},
                  {point.solved.data(), 1, n, n}, known);
  return point;
}

void GaussianProcess::drop_pending() {
  known_ = observed_;
  points_->truncate(known_);
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
  std::vector<double> mean(q, constant_);
  for (std::size_t i = 0; i < q; ++i) mean[i] += dot(watched_[i].covariances, observed_weights_);
  std::vector<double> normals(count * q), all(count * known_);
  for (double& z : normals) z = random.normal();
  std::vector<double> values = normals;
  algebra::multiply_by_lower({values.data(), count, q, q}, factor, Form::Transposed);
  algebra::multiply(1, {normals.data(), count, q, q}, Form::Plain,
                    {factor_.data() + n * capacity_, q, known_, capacity_}, Form::Plain, 0,
                    {all.data(), count, known_, known_});
  for (std::size_t f = 0; f < count; ++f) {
    for (std::size_t i = 0; i < q; ++i) least[f] = std::min(least[f], mean[i] + values[f * q + i]);
    for (std::size_t j = 0; j < n; ++j) all[f * known_ + j] += observed_weights_[j];
  }
  weights_ = std::move(all);
  return least;
}

/// With k the covariances of the new points with the known ones: v = L^-1 k, s s^T = k_new - v^T v, and the
/// new rows of the inverse factor are s^-1 (-v^T L^-1, 1).
void GaussianProcess::append_rows(const std::vector<Watched>& fresh, double noise) {
  const std::size_t n = known_, m = fresh.size(), d = features();
  reserve(n + m);
  std::vector<double> scaled, whitened, solved, rest(m * m);
  for (const Watched& point : fresh) {
    scaled.insert(scaled.end(), point.scaled.begin(), point.scaled.end());
    whitened.insert(whitened.end(), point.whitened.begin(), point.whitened.end());
    solved.insert(solved.end(), point.solved.begin(), point.solved.end());
  }
  const Block<const double> points{scaled.data(), m, d, d}, v{whitened.data(), m, n, n},
      w{solved.data(), m, n, n};
  const Block<double> s{rest.data(), m, m, m};
  Kernel(kind_, groups_).values(points, {kind_, points}, s);
  for (std::size_t i = 0; i < m; ++i) s(i, i) = 1;
  for (double& entry : rest) entry *= variance_;
  algebra::multiply(-1, v, Form::Plain, v, Form::Transposed, 1, s);
  const double least = 1e-10 * variance_;
  for (std::size_t i = 0; i < m; ++i)
    s(i, i) = std::max(s(i, i), 0.0) + std::max(least, noise_ + variance_ * jitter_ + noise);
  algebra::cholesky_with_jitter(s, least);
  algebra::invert_lower(s);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = i + 1; j < m; ++j) s(i, j) = 0;

  known_ = n + m;
  const Block<double> target{factor_.data() + n * capacity_, m, n, capacity_};
  algebra::multiply(-1, s, Form::Plain, w, Form::Plain, 0, target);
  for (std::size_t i = 0; i < m; ++i) std::copy_n(s.row(i), m, target.row(i) + n);
  points_->append(points);
}

void GaussianProcess::set_values(std::span<const double> values) {
  require(values.size() == observed_, "the process has ", observed_, " points, got ", values.size(),
          " values");
  values_.assign(values.begin(), values.end());
  const std::size_t n = observed_;
  std::vector<double> both(2 * n, 1.0), whitened(2 * n), solved(2 * n);  // rows: the values and ones
  std::ranges::copy(values, both.begin());
  algebra::whiten(observed_factor(), {both.data(), 2, n, n}, {whitened.data(), 2, n, n},
                  {solved.data(), 2, n, n});
  const std::span<const double> of_values(whitened.data(), n), of_ones(whitened.data() + n, n);
  constant_ = dot(of_ones, of_values) / (dot(of_ones, of_ones) + 1);
  observed_weights_.resize(n);
  for (std::size_t i = 0; i < n; ++i) observed_weights_[i] = solved[i] - constant_ * solved[n + i];
  weights_ = observed_weights_;
}

std::vector<double> GaussianProcess::cross(Block<const double> scaled, std::size_t known,
                                           std::vector<double>* slopes) const {
  const std::size_t m = scaled.rows;
  std::vector<double> k(m * known);
  if (slopes) slopes->resize(k.size());
  Kernel(kind_, groups_)
      .values(scaled, *points_, {k.data(), m, known, known},
              {slopes ? slopes->data() : nullptr, m, known, known});
  for (double& entry : k) entry *= variance_;
  return k;
}

void GaussianProcess::predict(Block<const double> points, Prediction& result, bool derivatives) const {
  const std::size_t m = points.rows, n = known_, d = features(), count = fantasies();
  result.scaled = scaled(points, &result.slopes);
  std::vector<double> covariances =
      cross({result.scaled.data(), m, d, d}, n, derivatives ? &result.covariance_slopes : nullptr);
  const Block<const double> k{covariances.data(), m, n, n};
  result.mean.assign(m * count, constant_);
  algebra::multiply(1, k, Form::Plain, {weights_.data(), count, n, n}, Form::Transposed, 1,
                    {result.mean.data(), m, count, count});
  result.solved.resize(derivatives ? m * n : 0);
  if (m <= few_points) {
    result.whitened.resize(m * n);
    algebra::whiten(inverse_factor(), k, {result.whitened.data(), m, n, n},
                    {derivatives ? result.solved.data() : nullptr, derivatives ? m : 0, n, n});
  } else {
    result.whitened = std::move(covariances);
    algebra::multiply_by_lower({result.whitened.data(), m, n, n}, inverse_factor(), Form::Transposed);
    if (derivatives) result.solved = result.whitened;
    if (derivatives)
      algebra::multiply_by_lower({result.solved.data(), m, n, n}, inverse_factor(), Form::Plain);
  }
  result.variance.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    const std::span<const double> v(result.whitened.data() + i * n, n);
    result.variance[i] = std::max(smallest_variance * variance_, variance_ - dot(v, v));
  }
}

std::vector<double> GaussianProcess::factor_of(const std::vector<std::size_t>& chosen) const {
  const std::size_t k = chosen.size(), d = features();
  KernelPoints points(kind_, d);
  std::vector<double> factor(k * k);
  for (const std::size_t i : chosen) points.append(points_->rows().part(i, 1));
  const Block<double> l{factor.data(), k, k, k};
  Kernel(kind_, groups_).lower_values(points, l);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < i; ++j) l(i, j) *= variance_;
    l(i, i) = variance_ * (1 + jitter_) + (chosen[i] < observed_ ? noises_[chosen[i]] : noise_);
  }
  algebra::cholesky_with_jitter(l, 1e-12 * variance_);
  algebra::invert_lower(l);
  return factor;
}

/// The known points that covary most with `centre`, in their order.
std::vector<std::size_t> GaussianProcess::neighbours_of(std::span<const double> centre,
                                                        std::size_t count) const {
  const std::size_t d = features();
  const std::vector<double> middle = scaled({centre.data(), 1, d, d});
  std::vector<double> away = cross({middle.data(), 1, d, d}, known_);
  for (double& covariance : away) covariance = -covariance;
  std::vector<std::size_t> chosen = ascending(away);
  chosen.resize(std::min(known_, count));
  std::ranges::sort(chosen);
  return chosen;
}

/// The means at scaled points, and their covariances with those chosen (m x chosen.size()).
void GaussianProcess::glance(Block<const double> points, std::span<const std::size_t> chosen,
                             std::span<double> means, double* covariances) const {
  const std::size_t m = points.rows, n = known_, few = chosen.size();
  std::vector<double> weights(n, 0.0);
  for (std::size_t i = 0; i < weights_.size(); ++i)
    weights[i % n] += weights_[i] / static_cast<double>(fantasies());
  if (LineTables::worthwhile(kind_, groups_, points)) {
    const LineTables tables(kind_, groups_, *points_, weights, chosen, points);
    std::vector<double> looked_up(m * (few + 1));
    const Block<double> entries{looked_up.data(), m, few + 1, few + 1};
    tables.look_up(points, entries);
    for (std::size_t i = 0; i < m; ++i) {
      means[i] = constant_ + variance_ * entries(i, few);
      for (std::size_t j = 0; j < few; ++j) covariances[i * few + j] = variance_ * entries(i, j);
    }
    return;
  }
  for (std::size_t first = 0; first < m; first += sketched_at_once) {
    const std::size_t rows = std::min(sketched_at_once, m - first);
    const std::vector<double> k = cross(points.part(first, rows), n);
    for (std::size_t i = 0; i < rows; ++i) {
      means[first + i] = constant_ + dot({k.data() + i * n, n}, weights);
      for (std::size_t j = 0; j < few; ++j) covariances[(first + i) * few + j] = k[i * n + chosen[j]];
    }
  }
}

void GaussianProcess::sketch(Block<const double> points, std::span<const double> centre,
                             std::size_t neighbours, Prediction& result) const {
  const std::size_t m = points.rows, d = features();
  const std::vector<std::size_t> chosen = neighbours_of(centre, neighbours);
  const std::vector<double> factor = factor_of(chosen);
  const std::size_t few = chosen.size();
  result.scaled = scaled(points);
  result.whitened.resize(m * few);
  result.mean.resize(m);
  result.variance.resize(m);
  glance({result.scaled.data(), m, d, d}, chosen, result.mean, result.whitened.data());
  algebra::multiply_by_lower({result.whitened.data(), m, few, few}, {factor.data(), few, few, few},
                             Form::Transposed);
  for (std::size_t i = 0; i < m; ++i) {
    const std::span<const double> row(result.whitened.data() + i * few, few);
    result.variance[i] = std::max(smallest_variance * variance_, variance_ - dot(row, row));
  }
}

/// The mean weighs dk by the weights, the variance by -2 K^-1 k.
void GaussianProcess::pull_back(const Prediction& prediction, std::span<const double> by_mean,
                                std::span<const double> by_variance, Block<double> gradient) const {
  const std::size_t m = by_variance.size(), n = known_, d = features(), count = fantasies();
  require(prediction.solved.size() == m * n, "a prediction without derivatives cannot be pulled back");
  std::vector<double> w = prediction.solved;
  const Block<double> weights{w.data(), m, n, n};
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) weights(i, j) *= -2 * by_variance[i];
  algebra::multiply(1, {by_mean.data(), m, count, count}, Form::Plain, {weights_.data(), count, n, n},
                    Form::Plain, 1, weights);
  Kernel(kind_, groups_)
      .pull({prediction.scaled.data(), m, d, d}, *points_, {prediction.covariance_slopes.data(), m, n, n},
            weights, gradient);
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
  Kernel(kind_, groups_).values(x, {kind_, y}, c);
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
  const Block<const double> l = observed_factor();
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
  const Block<const double> rows{scaled_.data(), n, d, d};
  if (solver_ && warp.trivial())
    return likelihood_by(*solver_, {profile_of(kind_), rows, observations_.noise, variance, noise, 1e-12},
                         observations_.values, groups_, gradient);
  covariance_.resize(n * n);
  slopes_.resize(n * n);
  const Block<double> k{covariance_.data(), n, n, n}, slopes{slopes_.data(), n, n, n};
  const Kernel kernel(kind_, groups_);
  const KernelPoints x(kind_, rows);
  kernel.lower_values(x, k, gradient.empty() ? Block<double>() : slopes);
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
    kernel.add_lengthscale_gradient(x, slopes, k, gradient);
  } else {
    pull_to_points(kernel, x, k, warp, factors, gradient);
  }
  gradient[groups] = 0.5 * by_variance;
  gradient[groups + 1] = 0.5 * noise * by_noise;
  return evidence->log_likelihood;
}

/// By the scaled points first, whose derivatives by the lengthscales and the shapes are known.
void MarginalLikelihood::pull_to_points(const Kernel& kernel, const KernelPoints& points, Block<double> w,
                                        const InputWarp& warp, std::span<const double> factors,
                                        std::span<double> gradient) {
  const Block<const double> x = points.rows();
  const std::size_t n = x.rows, d = x.columns, groups = groups_.groups;
  const Block<double> slopes{slopes_.data(), n, n, n};
  for (std::size_t i = 0; i < n; ++i) {
    w(i, i) = slopes(i, i) = 0;
    for (std::size_t j = 0; j < i; ++j) w(j, i) = w(i, j), slopes(j, i) = slopes(i, j);
  }
  std::vector<double> by_points(n * d);
  kernel.pull(x, points, slopes, w, {by_points.data(), n, d, d});
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
