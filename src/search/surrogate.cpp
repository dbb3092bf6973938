#include "surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lbfgs.hpp"
#include "regatta/core/random.hpp"

namespace regatta::search {
namespace {

using device::Block;

// Where the logarithms of hyperparameters may go.
constexpr double least_lengthscale = 0.01, most_lengthscale = 100, least_variance = 1e-3, most_variance = 1e3,
                 most_noise = 1;
constexpr double least_noise = 1e-10;

/// ln p of a normal belief about a logarithm, without its constant, and its derivative.
double prior(double x, double mean, double deviation, double& derivative) {
  const double z = (x - mean) / deviation;
  derivative -= z / deviation;
  return -0.5 * z * z;
}

}  // namespace

Surrogate::Surrogate(const space::Space& space, const BayesianOptions& options)
    : space_(space), options_(options), embedding_(space) {}

void Surrogate::reset() {
  seen_.clear();
  configs_.clear();
  units_.clear();
  features_.clear();
  losses_.clear();
  failures_.clear();
  models_.clear();
  fitted_ = next_fit_ = 0;
}

void Surrogate::update(const History& history) {
  const auto& finished = history.finished();
  const bool goes_on = seen_.size() <= finished.size() && std::equal(seen_.begin(), seen_.end(), finished.begin());
  if (!goes_on) reset();
  for (std::size_t i = seen_.size(); i < finished.size(); ++i) take(history, history[finished[i]]);
}

void Surrogate::take(const History& history, const Trial& trial) {
  seen_.push_back(trial.id);
  if (trial.state == TrialState::Cancelled) return;
  std::vector<double> features(embedding_.features());
  embedding_.embed(trial.config, features);
  if (trial.state == TrialState::Failed || !std::isfinite(trial.objective)) {
    if (trial.reason != Reason::Lost) failures_.push_back(std::move(features));
    return;
  }
  configs_.push_back(trial.config);
  units_.push_back(space_.encode(trial.config));
  features_.insert(features_.end(), features.begin(), features.end());
  losses_.push_back(history.maximize() ? -trial.objective : trial.objective);
  if (losses_.size() >= next_fit_) learn(losses_.size());
}

Block<const double> Surrogate::features(std::size_t n) const {
  return {features_.data(), n, embedding_.features(), embedding_.features()};
}

void Surrogate::learn(std::size_t n) {
  fitted_ = n;
  next_fit_ = n + std::max<std::size_t>(1, n / 20);
  const bool first = models_.empty();
  if (first) {
    std::vector<KernelKind> kernels{KernelKind::Matern52, KernelKind::Rbf};
    if (options_.kernel == "matern52") kernels = {KernelKind::Matern52};
    if (options_.kernel == "rbf") kernels = {KernelKind::Rbf};
    if (options_.kernel == "additive") kernels = {KernelKind::AdditiveMatern52, KernelKind::AdditiveRbf};
    if (options_.kernel == "three") kernels = {KernelKind::Matern52, KernelKind::Rbf, KernelKind::AdditiveMatern52};
    if (options_.kernel == "auto") kernels = {KernelKind::Matern52, KernelKind::Rbf, KernelKind::AdditiveMatern52, KernelKind::AdditiveRbf};
    using Kind = OutputTransform::Kind;
    std::vector<Kind> kinds{Kind::Standard, Kind::HalfRank, Kind::Log, Kind::LogSharp};
    if (options_.transform == "standard") kinds = {Kind::Standard};
    if (options_.transform == "half_rank") kinds = {Kind::HalfRank};
    if (options_.transform == "log") kinds = {Kind::Log};
    if (options_.transform == "log_sharp") kinds = {Kind::LogSharp};
    for (const KernelKind kernel : kernels)
      for (const Kind kind : kinds) models_.push_back({.kernel = kernel, .kind = kind});
  }
  for (Model& model : models_) {
    if (first || model.weight > 0.03 || static_cast<double>(n) > 1.3 * static_cast<double>(model.fitted)) fit(model, n, first);
    judge(model, n);
  }
  weigh(n);
}

/// Stacking of predictive distributions (Yao et al. 2018, Bayesian Analysis 13, 917-1003): the weights under which the mixture
/// of the models predicts best what each has not seen, by expectation maximisation, with `spread` results' worth of doubt.
void Surrogate::weigh(std::size_t n) {
  const std::size_t k = models_.size(), count = models_.front().densities.size();
  std::vector<double> likelihood(count * k);
  for (std::size_t i = 0; i < count; ++i) {
    double top = -std::numeric_limits<double>::infinity();
    for (const Model& model : models_) top = std::max(top, model.densities[i]);
    for (std::size_t j = 0; j < k; ++j) likelihood[i * k + j] = std::exp(models_[j].densities[i] - top);
  }
  static_cast<void>(n);
  std::vector<double> weights(k, 1.0 / static_cast<double>(k)), next(k);
  for (int round = 0; round < 100; ++round) {
    std::ranges::fill(next, options_.spread / static_cast<double>(k));
    for (std::size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < k; ++j) sum += weights[j] * likelihood[i * k + j];
      for (std::size_t j = 0; j < k; ++j) next[j] += weights[j] * likelihood[i * k + j] / sum;
    }
    for (std::size_t j = 0; j < k; ++j) weights[j] = next[j] / (static_cast<double>(count) + options_.spread);
  }
  for (std::size_t j = 0; j < k; ++j) models_[j].weight = weights[j];
}

/// Densities of the better half of the results, each under the model that has not seen it.
void Surrogate::judge(Model& model, std::size_t n) const {
  const std::span<const double> losses(losses_.data(), n);
  const OutputTransform transform(model.kind, losses);
  std::vector<double> values;
  for (const double loss : losses) values.push_back(transform(loss));
  model.process.emplace(model.kernel, embedding_.groups(), model.parameters);
  model.process->set_points(features(n));
  model.process->set_values(values);
  model.values.clear();
  const auto density = model.process->leave_one_out();
  std::vector<double> sorted(losses.begin(), losses.end());
  std::ranges::sort(sorted);
  const double median = sorted[(n - 1) / 2];
  model.densities.clear();
  for (std::size_t i = 0; i < n; ++i)
    if (losses[i] <= median) model.densities.push_back(std::max(-1e3, density[i] + transform.log_slope(losses[i])));
}

Surrogate::Model& Surrogate::draw(double uniform) {
  double sum = 0;
  for (Model& model : models_) {
    sum += model.weight;
    if (uniform < sum) {
      condition(model);
      return model;
    }
  }
  condition(models_.back());
  return models_.back();
}

void Surrogate::condition(Model& model) const {
  const std::size_t d = embedding_.features();
  for (std::size_t i = model.process->size(); i < losses_.size(); ++i)
    model.process->append({features_.data() + i * d, d});
  if (model.values.size() == losses_.size()) return;
  model.transform = OutputTransform(model.kind, losses_);
  model.values.clear();
  for (const double loss : losses_) model.values.push_back(model.transform(loss));
  model.process->set_values(model.values);
  model.best = static_cast<std::size_t>(std::ranges::min_element(model.values) - model.values.begin());
  model.incumbent = model.values[model.best];
}

void Surrogate::fit(Model& model, std::size_t n, bool first) const {
  const KernelKind kernel = model.kernel;
  const OutputTransform::Kind kind = model.kind;
  const std::span<const double> losses(losses_.data(), n);
  const OutputTransform transform(kind, losses);
  std::vector<double> values;
  for (const double loss : losses) values.push_back(transform(loss));
  const FeatureGroups& groups = embedding_.groups();
  const std::size_t g = groups.groups;
  MarginalLikelihood likelihood(kernel, groups, {features(n), values, {}});
  const double length_mean = std::numbers::sqrt2 + 0.5 * std::log(static_cast<double>(std::max<std::size_t>(1, g)));
  const double length_deviation = std::sqrt(3.0);
  const bool fixed_noise = options_.noise != "learnt";
  std::vector<double> low(g + 2, std::log(least_lengthscale)), high(g + 2, std::log(most_lengthscale));
  low[g] = std::log(least_variance), high[g] = std::log(most_variance);
  low[g + 1] = std::log(least_noise), high[g + 1] = std::log(most_noise);
  if (fixed_noise) {
    low[g + 1] = std::log(options_.noise_variance);
    high[g + 1] = low[g + 1] + 1e-9;
  }
  const BatchFunction negative = [&](std::span<const double> points, std::span<double> outs, std::span<double> gradients) {
    for (std::size_t i = 0; i < outs.size(); ++i) {
      const auto point = points.subspan(i * (g + 2), g + 2);
      const auto gradient = gradients.subspan(i * (g + 2), g + 2);
      const auto value = likelihood(point, gradient);
      if (!value) {
        outs[i] = std::numeric_limits<double>::infinity();
        continue;
      }
      double total = *value;
      for (std::size_t k = 0; k < g; ++k) total += prior(point[k], length_mean, length_deviation, gradient[k]);
      total += prior(point[g], 0, 1.5, gradient[g]);
      if (!fixed_noise) total += prior(point[g + 1], std::log(1e-6), 4, gradient[g + 1]);
      outs[i] = -total;
      for (double& entry : gradient) entry = -entry;
    }
  };
  std::vector<double> starts;
  std::vector<double> standard(g + 2, length_mean - 3);
  standard[g] = 0, standard[g + 1] = std::log(1e-5);
  if (fixed_noise) standard[g + 1] = low[g + 1];
  if (!first) starts = model.parameters.flat();
  if (first || n < 50) starts.insert(starts.end(), standard.begin(), standard.end());
  const auto minima = minimise(negative, starts, low, high, {.iterations = 40, .gradient_tolerance = 1e-2, .value_tolerance = 1e-4});
  const auto best = std::ranges::min_element(minima, {}, &Minimum::value);
  model.parameters = Hyperparameters::from_flat(best->point);
  model.fitted = n;
}

}  // namespace regatta::search
