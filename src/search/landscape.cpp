#include "landscape.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace regatta::search {
namespace {

using device::Block;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t neighbours = 64;  // known points that a sketch sees

}  // namespace

Landscape::Landscape(const space::Space& space, const BayesianOptions& options, const Surrogate& surrogate,
                     Surrogate::Model& model, const std::vector<space::Config>& pending, Setting setting,
                     Random& random)
    : space_(space),
      embedding_(surrogate.embedding()),
      feasibility_(surrogate.feasibility()),
      model_(model),
      setting_(std::move(setting)),
      targets_{model.incumbent},
      best_features_(!setting_.centre.empty()
                         ? setting_.centre
                         : std::span(surrogate.active().features)
                               .subspan(model.best * embedding_.features(), embedding_.features())) {
  if (pending.empty() || options.pending == "none") return;
  const std::size_t d = embedding_.features(), count = pending.size();
  std::vector<double> features(count * d);
  for (std::size_t i = 0; i < count; ++i) embedding_.embed(pending[i], {features.data() + i * d, d});
  const Block<const double> points{features.data(), count, d, d};
  GaussianProcess& process = *model_.process;
  if (options.pending == "local_penalization" || options.pending == "hard_penalization") {
    const auto form =
        options.pending == "hard_penalization" ? LocalPenalty::Form::Hard : LocalPenalty::Form::Soft;
    penalty_.emplace(form, process, points, model.incumbent, random);
    return;
  }
  process.append_pending(points);
  if (options.pending == "believer") {
    const std::vector<double> means = process.predict_mean(points);
    targets_[0] = std::min(targets_[0], *std::ranges::min_element(means));
    return;
  }
  targets_ = process.draw_fantasies(static_cast<std::size_t>(options.fantasies), random);
  for (double& target : targets_) target = std::min(target, model.incumbent);
}

void Landscape::sketch(std::span<const double> units, std::span<double> values) {
  const std::size_t d = embedding_.features(), m = values.size();
  if (!dear()) return (*this)(units, values, {});
  embed(units, m);
  sketch({features_.data(), m, d, d}, prediction_);
  const double target =
      std::accumulate(targets_.begin(), targets_.end(), 0.0) / static_cast<double>(targets_.size());
  for (std::size_t i = 0; i < m; ++i) {
    const Acquired acquired =
        setting_.rule(prediction_.mean[i], prediction_.variance[i], target, setting_.parameter);
    values[i] = -(acquired.value + surroundings(i, {}) + believe(i, {}));
    if (std::isnan(values[i])) values[i] = infinity;
  }
}

void Landscape::sketch(Block<const double> features, Prediction& prediction) const {
  model_.process->sketch(features, best_features_, neighbours, prediction);
}

void Landscape::aim(double target) { std::ranges::fill(targets_, target); }

void Landscape::embed(std::span<const double> units, std::size_t count) {
  const std::size_t p = space_.size(), d = embedding_.features();
  features_.resize(count * d);
  const bool decoded =
      !embedding_.plain() || setting_.excluded || setting_.prior || !space_.constraints().empty();
  configs_.resize(decoded ? count : 0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto unit = units.subspan(i * p, p);
    const std::span<double> features(features_.data() + i * d, d);
    if (decoded) configs_[i] = space_.decode(unit);
    embedding_.plain() ? embedding_.embed_plain(unit, features) : embedding_.embed(configs_[i], features);
  }
}

void Landscape::operator()(std::span<const double> units, std::span<double> values,
                           std::span<double> gradients) {
  const std::size_t p = space_.size(), d = embedding_.features(), m = values.size();
  embed(units, m);
  GaussianProcess& process = *model_.process;
  process.predict({features_.data(), m, d, d}, prediction_, !gradients.empty());
  const std::size_t fantasies = process.fantasies();
  std::vector<double> by_mean(m * fantasies), by_variance(m), by_feature(gradients.empty() ? 0 : m * d);
  for (std::size_t i = 0; i < m; ++i)
    values[i] = acquire(i, {by_mean.data() + i * fantasies, fantasies}, by_variance[i]);
  if (!gradients.empty()) process.pull_back(prediction_, by_mean, by_variance, {by_feature.data(), m, d, d});
  for (std::size_t i = 0; i < m; ++i) {
    const std::span<double> row =
        gradients.empty() ? std::span<double>() : std::span(by_feature).subspan(i * d, d);
    values[i] += surroundings(i, row);
    const std::span<double> gradient = gradients.empty() ? std::span<double>() : gradients.subspan(i * p, p);
    if (gradient.empty() || embedding_.plain()) {
      std::ranges::copy(row, gradient.begin());
    } else {
      embedding_.pull_back(configs_[i], units.subspan(i * p, p), row, gradient);
    }
    values[i] = -(values[i] + believe(i, gradient));
    if (std::isnan(values[i])) values[i] = infinity;
    for (double& entry : gradient) entry = -entry;
  }
}

/// With fantasies, the logarithm of the mean of exp(value) over them.
double Landscape::acquire(std::size_t i, std::span<double> by_mean, double& by_variance) const {
  const std::size_t count = by_mean.size();
  const double* mean = prediction_.mean.data() + i * count;
  const double variance = prediction_.variance[i];
  if (count == 1) {
    const Acquired acquired = setting_.rule(mean[0], variance, targets_[0], setting_.parameter);
    by_mean[0] = acquired.by_mean;
    by_variance = acquired.by_variance;
    return acquired.value;
  }
  std::vector<Acquired> each(count);
  double top = -infinity, sum = 0;
  for (std::size_t f = 0; f < count; ++f) {
    each[f] = setting_.rule(mean[f], variance, targets_[f], setting_.parameter);
    top = std::max(top, each[f].value);
  }
  by_variance = 0;
  for (std::size_t f = 0; f < count; ++f) {
    const double weight = std::exp(each[f].value - top);
    sum += weight;
    by_mean[f] = weight * each[f].by_mean;
    by_variance += weight * each[f].by_variance;
  }
  for (double& entry : by_mean) entry /= sum;
  by_variance /= sum;
  return top + std::log(sum / static_cast<double>(count));
}

double Landscape::surroundings(std::size_t i, std::span<double> by_feature) const {
  const std::size_t d = embedding_.features();
  const std::span<const double> features(features_.data() + i * d, d);
  if (setting_.masked && setting_.masked(features)) return -infinity;
  double value = 0;
  if (penalty_) value += (*penalty_)(features, by_feature);
  if (!feasibility_.trivial()) value += feasibility_(features, by_feature);
  if (setting_.costs) {
    std::vector<double> slopes(by_feature.size());
    value -= (*setting_.costs)(features, slopes);
    for (std::size_t c = 0; c < slopes.size(); ++c) by_feature[c] -= slopes[c];
  }
  if (configs_.empty()) return value;
  if (!space_.feasible(configs_[i]) || (setting_.excluded && setting_.excluded(configs_[i])))
    return -infinity;
  return value;
}

double Landscape::believe(std::size_t i, std::span<double> by_unit) {
  if (!setting_.prior) return 0;
  by_unit_.resize(by_unit.size());
  const double value = setting_.prior->log_density(configs_[i], by_unit_);
  for (std::size_t k = 0; k < by_unit.size(); ++k) by_unit[k] += setting_.prior_weight * by_unit_[k];
  return setting_.prior_weight * value;
}

double Landscape::prior(std::span<const double> unit) const {
  return setting_.prior ? setting_.prior_weight * setting_.prior->log_density(space_.decode(unit), {}) : 0;
}

}  // namespace regatta::search
