#include "landscape.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
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
      best_features_(!setting_.centre.empty()
                         ? setting_.centre
                         : std::span(surrogate.active().features)
                               .subspan(model.best * embedding_.features(), embedding_.features())) {
  views_.push_back({&model, 0, {model.incumbent}});
  for (Surrogate::Model* companion : setting_.companions)
    views_.push_back({companion, 0, {companion->incumbent}});
  double weight = 0;
  for (const View& view : views_) weight += view.model->weight;
  if (views_.size() > 1)
    for (View& view : views_) view.log_share = std::log(view.model->weight / weight);
  if (pending.empty() || options.pending == "none") return;
  const std::size_t d = embedding_.features(), count = pending.size();
  std::vector<double> features(count * d);
  for (std::size_t i = 0; i < count; ++i) embedding_.embed(pending[i], {features.data() + i * d, d});
  const Block<const double> points{features.data(), count, d, d};
  if (options.pending == "local_penalization" || options.pending == "hard_penalization") {
    const auto form =
        options.pending == "hard_penalization" ? LocalPenalty::Form::Hard : LocalPenalty::Form::Soft;
    penalty_.emplace(form, *model.process, points, model.incumbent, random);
    return;
  }
  for (View& view : views_) expect(view, options, points, random);
}

Landscape::~Landscape() {
  for (const View& view : views_) view.model->process->drop_pending();
}

/// What the running trials may bring, as a model sees it.
void Landscape::expect(View& view, const BayesianOptions& options, Block<const double> pending,
                       Random& random) {
  GaussianProcess& process = *view.model->process;
  process.append_pending(pending);
  if (options.pending == "believer") {
    const std::vector<double> means = process.predict_mean(pending);
    view.targets[0] = std::min(view.targets[0], *std::ranges::min_element(means));
    return;
  }
  view.targets = process.draw_fantasies(static_cast<std::size_t>(options.fantasies), random);
  for (double& target : view.targets) target = std::min(target, view.model->incumbent);
}

void Landscape::sketch(std::span<const double> units, std::span<double> values) {
  const std::size_t d = embedding_.features(), m = values.size();
  if (!dear()) return (*this)(units, values, {});
  embed(units, m);
  for (View& view : views_) {
    view.model->process->sketch({features_.data(), m, d, d}, best_features_, neighbours, view.prediction);
    const double target = std::accumulate(view.targets.begin(), view.targets.end(), 0.0) /
                          static_cast<double>(view.targets.size());
    view.values.resize(m);
    view.by_mean.clear(), view.by_variance.clear();
    for (std::size_t i = 0; i < m; ++i)
      view.values[i] =
          setting_.rule(view.prediction.mean[i], view.prediction.variance[i], target, setting_.parameter)
              .value;
  }
  average(values);
  for (std::size_t i = 0; i < m; ++i) {
    values[i] = -(values[i] + surroundings(i, {}) + believe(i, {}));
    if (std::isnan(values[i])) values[i] = infinity;
  }
}

void Landscape::sketch(Block<const double> features, Prediction& prediction) const {
  model_.process->sketch(features, best_features_, neighbours, prediction);
}

void Landscape::aim(double target) {
  for (View& view : views_) std::ranges::fill(view.targets, target);
}

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
  for (View& view : views_) look(view, !gradients.empty());
  average(values);
  std::vector<double> by_feature = gradients.empty() ? std::vector<double>() : slopes();
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

void Landscape::look(View& view, bool derivatives) const {
  const std::size_t d = embedding_.features(), m = features_.size() / d;
  const GaussianProcess& process = *view.model->process;
  process.predict({features_.data(), m, d, d}, view.prediction, derivatives);
  const std::size_t fantasies = process.fantasies();
  view.values.resize(m);
  view.by_mean.assign(m * fantasies, 0.0);
  view.by_variance.assign(m, 0.0);
  for (std::size_t i = 0; i < m; ++i)
    view.values[i] = acquire(view, i, {view.by_mean.data() + i * fantasies, fantasies}, view.by_variance[i]);
}

void Landscape::average(std::span<double> values) {
  if (views_.size() == 1) {
    std::ranges::copy(views_[0].values, values.begin());
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    double top = -infinity, sum = 0;
    for (View& view : views_) top = std::max(top, view.values[i] += view.log_share);
    for (const View& view : views_) sum += std::exp(view.values[i] - top);
    values[i] = top + std::log(sum);
    for (View& view : views_) {
      if (view.by_variance.empty()) continue;
      const double part = std::exp(view.values[i] - values[i]);
      const std::size_t fantasies = view.targets.size();
      for (double& slope : std::span(view.by_mean).subspan(i * fantasies, fantasies)) slope *= part;
      view.by_variance[i] *= part;
    }
  }
}

std::vector<double> Landscape::slopes() const {
  const std::size_t d = embedding_.features(), m = features_.size() / d;
  std::vector<double> sum(m * d), part(views_.size() > 1 ? m * d : 0);
  for (const View& view : views_) {
    std::vector<double>& own = &view == &views_.front() ? sum : part;
    view.model->process->pull_back(view.prediction, view.by_mean, view.by_variance, {own.data(), m, d, d});
    if (&own == &part) std::ranges::transform(sum, part, sum.begin(), std::plus());
  }
  return sum;
}

/// With fantasies, the logarithm of the mean of exp(value) over them.
double Landscape::acquire(const View& view, std::size_t i, std::span<double> by_mean,
                          double& by_variance) const {
  const std::size_t count = by_mean.size();
  const double* mean = view.prediction.mean.data() + i * count;
  const double variance = view.prediction.variance[i];
  if (count == 1) {
    const Acquired acquired = setting_.rule(mean[0], variance, view.targets[0], setting_.parameter);
    by_mean[0] = acquired.by_mean;
    by_variance = acquired.by_variance;
    return acquired.value;
  }
  std::vector<Acquired> each(count);
  double top = -infinity, sum = 0;
  for (std::size_t f = 0; f < count; ++f) {
    each[f] = setting_.rule(mean[f], variance, view.targets[f], setting_.parameter);
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
