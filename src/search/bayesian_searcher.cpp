#include "bayesian_searcher.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lbfgs.hpp"
#include "regatta/search/acquisition.hpp"
#include "regatta/search/sobol_sequence.hpp"

namespace regatta::search {
namespace {

using device::Block;
namespace algebra = device::algebra;
using algebra::Form;
constexpr std::uint64_t stream = 0x626f;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The acquisition over unit points, to be minimised.
class Landscape {
 public:
  Landscape(const space::Space& space, const BayesianOptions& options, const Embedding& embedding, Surrogate::Model& model,
            const std::vector<Config>& pending, Random& random)
      : space_(space), options_(options), model_(model), gp_(*model.process), embedding_(embedding) {
    const std::size_t d = embedding_.features();
    for (const Config& config : pending) {
      std::vector<double> f(d);
      embedding_.embed(config, f);
      pending_features_.insert(pending_features_.end(), f.begin(), f.end());
    }
    n_pending_ = pending.size();
    best_ = {model_.incumbent};
    if (n_pending_ == 0) return;
    const Block<const double> p{pending_features_.data(), n_pending_, d, d};
    if (options_.pending == "fantasies") sample_fantasies(p, random);
    if (options_.pending == "fantasies" || options_.pending == "believer") {
      if (options_.pending == "believer") {
        for (const double mean : gp_.predict_mean(p)) best_[0] = std::min(best_[0], mean);
      }
      gp_.append_pending(p);
    }
    if (options_.pending == "penalty") {
      Prediction at;
      gp_.predict(p, false, at);
      // Lipschitz constant in the metric of the kernel.
      double largest = 1e-7;
      std::vector<double> probes(pending_features_);
      for (int i = 0; i < 100; ++i)
        for (std::size_t k = 0; k < d; ++k) probes.push_back(random.uniform() - 0.5);
      Prediction grad;
      const std::size_t m = probes.size() / d;
      gp_.predict({probes.data(), m, d, d}, true, grad);
      for (std::size_t i = 0; i < m; ++i) {
        double norm = 0;
        for (std::size_t k = 0; k < d; ++k) {
          const double g = grad.d_mean[i * d + k] / gp_.scale()[k];
          norm += g * g;
        }
        largest = std::max(largest, std::sqrt(norm));
      }
      for (std::size_t j = 0; j < n_pending_; ++j) {
        radius_.push_back(std::abs(at.mean[j] - best_[0]) / largest);
        spread_.push_back(std::sqrt(at.variance[j]) / largest);
      }
    }
  }
  ~Landscape() { gp_.drop_pending(); }

  /// From now on the optimist's bound mean - kappa sigma.
  void explore(double kappa) { kappa_ = kappa; }
  /// From now on the improvement on this loss, transformed.
  void aim(double incumbent) {
    best_ = {incumbent};
    fantasy_weights_.clear();
  }

  Config config_of(std::span<const double> unit) const { return space_.decode(unit); }

  /// Negative acquisition at the rows of `units`.
  void evaluate(std::span<const double> units, std::span<double> values, std::span<double> gradients) {
    const std::size_t p = space_.size(), d = embedding_.features(), m = values.size();
    features_.resize(m * d);
    configs_.resize(m);
    for (std::size_t i = 0; i < m; ++i) {
      const auto unit = units.subspan(i * p, p);
      const std::span<double> f(features_.data() + i * d, d);
      if (embedding_.plain()) {
        embedding_.embed_plain(unit, f);
      } else {
        configs_[i] = space_.decode(unit);
        embedding_.embed(configs_[i], f);
      }
    }
    const Block<const double> x{features_.data(), m, d, d};
    gp_.predict(x, !gradients.empty(), prediction_);
    std::vector<double> shifts;
    if (!fantasy_weights_.empty()) {
      // mean under fantasy s: mean + c(x)^T w_s
      gp_without_pending_covariance(x, shifts);
    }
    for (std::size_t i = 0; i < m; ++i) {
      const std::span<double> gradient = gradients.empty() ? gradients : gradients.subspan(i * p, p);
      values[i] = point(i, shifts, gradient, units.subspan(i * p, p));
    }
  }

 private:
  void sample_fantasies(Block<const double> p, Random& random) {
    const std::size_t q = n_pending_, S = static_cast<std::size_t>(options_.fantasies);
    std::vector<double> c = gp_.covariance(p, p);
    for (std::size_t i = 0; i < q; ++i) c[i * q + i] += 1e-8 * gp_.variance() + gp_.noise();
    std::vector<double> l = c;
    double jitter = 1e-8;
    while (!algebra::cholesky({l.data(), q, q, q})) {
      l = c;
      for (std::size_t i = 0; i < q; ++i) l[i * q + i] += jitter * gp_.variance();
      jitter *= 10;
    }
    const auto mean = gp_.predict_mean(p);
    best_.assign(S, model_.incumbent);
    std::vector<double> li = l;
    algebra::invert_lower({li.data(), q, q, q});
    fantasy_weights_.assign(S * q, 0);
    for (std::size_t s = 0; s < S; ++s) {
      std::vector<double> z(q), f(q);
      for (double& e : z) e = random.normal();
      f = z;
      algebra::multiply_lower({l.data(), q, q, q}, Form::Plain, f);
      for (std::size_t i = 0; i < q; ++i) best_[s] = std::min(best_[s], mean[i] + f[i]);
      // S^-1 f = L^-T z
      algebra::multiply_lower({li.data(), q, q, q}, Form::Transposed, z);
      std::ranges::copy(z, fantasy_weights_.begin() + static_cast<std::ptrdiff_t>(s * q));
    }
    base_.emplace(gp_);
  }

  void gp_without_pending_covariance(Block<const double> x, std::vector<double>& shifts) {
    const std::size_t q = n_pending_, d = embedding_.features(), S = best_.size();
    const Block<const double> p{pending_features_.data(), q, d, d};
    const auto c = base_->covariance(x, p);
    shifts.resize(x.rows * S);
    algebra::multiply(1, {c.data(), x.rows, q, q}, Form::Plain, {fantasy_weights_.data(), S, q, q}, Form::Transposed, 0,
                      {shifts.data(), x.rows, S, S});
  }

  double point(std::size_t i, const std::vector<double>& shifts, std::span<double> gradient, std::span<const double> unit) {
    const std::size_t d = embedding_.features(), S = best_.size();
    double value = 0, by_mean = 0, by_variance = 0;
    const double variance = std::max(prediction_.variance[i], 1e-24);
    if (kappa_ > 0) {
      const Acquired a = upper_confidence_bound(prediction_.mean[i], variance, kappa_ * kappa_);
      value = a.value, by_mean = a.by_mean, by_variance = a.by_variance;
    } else if (shifts.empty()) {
      const Acquired a = log_expected_improvement(prediction_.mean[i], variance, best_[0] - options_.jitter);
      value = a.value, by_mean = a.by_mean, by_variance = a.by_variance;
    } else {
      std::vector<Acquired> all(S);
      double top = -infinity;
      for (std::size_t s = 0; s < S; ++s) {
        all[s] = log_expected_improvement(prediction_.mean[i] + shifts[i * S + s], variance, best_[s] - options_.jitter);
        top = std::max(top, all[s].value);
      }
      double sum = 0;
      for (const Acquired& a : all) {
        const double w = std::exp(a.value - top);
        sum += w;
        by_mean += w * a.by_mean;
        by_variance += w * a.by_variance;
      }
      value = top + std::log(sum / static_cast<double>(S));
      by_mean /= sum;
      by_variance /= sum;
    }
    if (!gradient.empty()) {
      by_feature_.resize(d);
      for (std::size_t k = 0; k < d; ++k)
        by_feature_[k] = by_mean * prediction_.d_mean[i * d + k] + by_variance * prediction_.d_variance[i * d + k];
    }
    for (std::size_t j = 0; j < radius_.size(); ++j) {
      double r2 = 0;
      for (std::size_t k = 0; k < d; ++k) {
        const double delta = (features_[i * d + k] - pending_features_[j * d + k]) * gp_.scale()[k];
        r2 += delta * delta;
      }
      const double r = std::sqrt(r2), spread = std::max(spread_[j], 1e-9);
      const double t = (r - radius_[j]) / spread;
      const double lp = log_normal_probability(t);
      value += lp;
      if (!gradient.empty() && r > 0) {
        const double slope = std::exp(-0.5 * t * t - 0.9189385332046727 - lp) / spread / r;
        for (std::size_t k = 0; k < d; ++k)
          by_feature_[k] += slope * (features_[i * d + k] - pending_features_[j * d + k]) * gp_.scale()[k] * gp_.scale()[k];
      }
    }
    if (!gradient.empty()) {
      if (embedding_.plain()) {
        std::ranges::copy(by_feature_, gradient.begin());
      } else {
        embedding_.pull_back(configs_[i], unit, by_feature_, gradient);
      }
      for (double& e : gradient) e = -e;
    }
    return std::isnan(value) ? infinity : -value;
  }

  const space::Space& space_;
  const BayesianOptions& options_;
  Surrogate::Model& model_;
  GaussianProcess& gp_;
  const Embedding& embedding_;
  std::vector<double> pending_features_;
  std::size_t n_pending_ = 0;
  std::vector<double> best_;
  std::vector<double> radius_, spread_;
  std::vector<double> fantasy_weights_;
  std::optional<GaussianProcess> base_;
  std::vector<double> features_, by_feature_;
  std::vector<Config> configs_;
  Prediction prediction_;
  double kappa_ = 0;
};

}  // namespace

BayesianSearcher::BayesianSearcher(const SearcherOptions& options, space::Space space)
    : space_(space), options_(options.bayesian), seed_(options.seed), sobol_(options, space), surrogate_(space, options_) {}

std::optional<Config> BayesianSearcher::propose(const History& history, TrialId trial, const std::vector<Config>& avoid) {
  const std::size_t p = space_.size();
  const int initial = options_.initial_trials > 0 ? options_.initial_trials : static_cast<int>(std::max<std::size_t>(6, 2 * p));
  if (trial.value < initial) return sobol_.propose(history, trial, avoid);
  surrogate_.update(history);
  if (surrogate_.size() < 2) return sobol_.propose(history, trial, avoid);
  std::vector<Config> pending = avoid;
  for (const TrialId id : history.unfinished())
    if (history[id].state != TrialState::Paused) pending.push_back(history[id].config);

  Random random(derive_seed(seed_, stream), static_cast<std::uint64_t>(trial.value));
  Surrogate::Model& model = surrogate_.draw(random.uniform());
  Landscape landscape(space_, options_, surrogate_.embedding(), model, pending, random);

  // Raw samples.
  const SobolSequence sobol(p, random.bits());
  std::vector<double> raw;
  std::vector<double> unit(p);
  for (int i = 0; i < options_.raw_samples; ++i) {
    sobol.point(static_cast<std::uint32_t>(i), unit);
    raw.insert(raw.end(), unit.begin(), unit.end());
  }
  // Around the best points.
  std::vector<std::size_t> order(surrogate_.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t top = std::min<std::size_t>(4, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    [&](std::size_t a, std::size_t b) { return surrogate_.losses()[a] < surrogate_.losses()[b]; });
  std::vector<double> lengths(p, 0.1);
  if (embedding_lengths_ok()) {
    for (std::size_t k = 0; k < p; ++k) lengths[k] = std::min(0.5, 1 / model.process->scale()[k]);
  }
  for (int i = 0; i < 128; ++i) {
    const auto& centre = surrogate_.units()[order[static_cast<std::size_t>(i) % top]];
    unit = centre;
    const double sigma = 0.2 * std::pow(10.0, -4 * random.uniform());
    const double chance = std::min(1.0, 20.0 / static_cast<double>(p));
    for (std::size_t k = 0; k < p; ++k)
      if (random.uniform() < chance) unit[k] = std::clamp(unit[k] + sigma * lengths[k] * random.normal(), 0.0, 1 - 0x1p-53);
    raw.insert(raw.end(), unit.begin(), unit.end());
  }
  const std::size_t m = raw.size() / p;
  std::vector<double> scores(m);
  landscape.evaluate(raw, scores, {});
  std::vector<std::size_t> ranked(m);
  std::iota(ranked.begin(), ranked.end(), 0);
  // Half of the starts are the best, the others drawn.
  const std::size_t restarts = std::min<std::size_t>(static_cast<std::size_t>(options_.restarts), m);
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(restarts), ranked.end(),
                    [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  std::vector<double> starts;
  for (std::size_t r = 0; r < restarts; ++r) {
    const auto row = std::span(raw).subspan(ranked[r] * p, p);
    starts.insert(starts.end(), row.begin(), row.end());
  }
  const std::vector<double> low(p, 0.0), high(p, 1 - 0x1p-53);
  const auto minima = minimise(
      [&](std::span<const double> points, std::span<double> values, std::span<double> gradients) {
        landscape.evaluate(points, values, gradients);
      },
      starts, low, high, {.iterations = 50, .gradient_tolerance = 1e-8, .value_tolerance = 1e-7});
  const auto allowed = [&](const Config& config) {
    const bool seen = history.contains(config) || std::ranges::any_of(avoid, [&](const Config& a) { return same_config(a, config); });
    return !seen && space_.feasible(config);
  };
  std::vector<const Minimum*> by_value;
  for (const Minimum& minimum : minima) by_value.push_back(&minimum);
  std::ranges::sort(by_value, {}, [](const Minimum* minimum) { return minimum->value; });
  const bool exhausted = -by_value.front()->value < std::log(options_.explore) || stagnant(model);
  if (options_.explore > 0 && trial.value % 4 != 0 && exhausted) {
    if (trial.value % 4 == 1) {
      if (auto config = scout(model, random, allowed)) return config;
    }
    if (auto config = explore(model, landscape, random, allowed)) return config;
    if (auto config = scout(model, random, allowed)) return config;
  }
  for (const Minimum* minimum : by_value) {
    Config config = space_.decode(minimum->point);
    if (allowed(config)) return config;
  }
  return sobol_.propose(history, trial, avoid);
}

/// Whether the last results near the incumbent have hardly improved on it.
bool BayesianSearcher::stagnant(const Surrogate::Model& model) const {
  const std::size_t n = surrogate_.size(), p = space_.size();
  const auto& losses = surrogate_.losses();
  std::vector<double> sorted(losses);
  std::ranges::sort(sorted);
  const double spread = sorted[n / 2] - sorted[0];
  // The best value before the last `window` results near the incumbent.
  const auto& centre = surrogate_.units()[model.best];
  int near = 0;
  std::size_t first = n;
  while (first > 0 && near < 5) {
    --first;
    double sum = 0;
    for (std::size_t k = 0; k < p; ++k) {
      const double delta = (surrogate_.units()[first][k] - centre[k]) * model.process->scale()[k];
      sum += delta * delta;
    }
    near += sum < 0.25 ? 1 : 0;
  }
  if (near < 5 || first == 0) return false;
  const double before = *std::min_element(losses.begin(), losses.begin() + static_cast<std::ptrdiff_t>(first));
  return before - sorted[0] < options_.explore * spread;
}

/// A point of a valley that is not known yet, drawn from the inside of the space.
template <class Allowed>
std::optional<Config> BayesianSearcher::scout(const Surrogate::Model& model, Random& random, const Allowed& allowed) const {
  const std::size_t p = space_.size(), d = surrogate_.embedding().features();
  constexpr std::uint32_t count = 1024;
  const SobolSequence sobol(p, random.bits());
  std::vector<double> units(count * p), features(count * d);
  for (std::uint32_t i = 0; i < count; ++i) {
    sobol.point(i, {units.data() + i * p, p});
    surrogate_.embedding().embed(space_.decode({units.data() + i * p, p}), {features.data() + i * d, d});
  }
  Prediction prediction;
  model.process->predict({features.data(), count, d, d}, false, prediction);
  const double kappa = 0.5 + 1.5 * random.uniform();
  std::vector<double> bound(count);
  for (std::size_t i = 0; i < count; ++i) bound[i] = prediction.mean[i] - kappa * std::sqrt(prediction.variance[i]);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + 50, order.end(), [&](std::size_t a, std::size_t b) { return bound[a] < bound[b]; });
  for (std::size_t r = 0; r < 50; ++r) {
    const std::span<const double> unit(units.data() + order[r] * p, p);
    const Config config = space_.decode(unit);
    if (hill_to(model, config, prediction.mean[order[r]], model.best) && allowed(config)) return config;
  }
  return {};
}

/// The best point of another valley than those of better ones.
template <class Landscape, class Allowed>
std::optional<Config> BayesianSearcher::explore(const Surrogate::Model& model, Landscape& landscape, Random& random,
                                                const Allowed& allowed) {
  const std::size_t p = space_.size(), n = surrogate_.size();
  const auto& units = surrogate_.units();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return model.values[i]; });
  std::vector<std::size_t> centres{model.best};
  for (int valley = 0; valley < 4; ++valley) {
    std::size_t next = n;
    for (const std::size_t i : order) {
      bool apart = true;
      for (const std::size_t c : centres) apart = apart && hill_between(model, i, c);
      if (apart) {
        next = i;
        break;
      }
    }
    if (next == n) return {};
    // A box around the new centre that ends half-way to the others.
    std::vector<double> low(p), high(p);
    for (std::size_t k = 0; k < p; ++k) {
      low[k] = std::max(0.0, units[next][k] - options_.reach);
      high[k] = std::min(1 - 0x1p-53, units[next][k] + options_.reach);
    }
    for (const std::size_t c : centres) {
      std::size_t widest = 0;
      double most = -1;
      for (std::size_t k = 0; k < p; ++k) {
        const double gap = std::abs(units[next][k] - units[c][k]) * model.process->scale()[k];
        if (gap > most) most = gap, widest = k;
      }
      const double middle = 0.5 * (units[next][widest] + units[c][widest]);
      if (units[c][widest] > units[next][widest]) high[widest] = std::min(high[widest], middle);
      else low[widest] = std::max(low[widest], middle);
    }
    const SobolSequence sobol(p, random.bits());
    std::vector<double> raw, unit(p);
    for (std::uint32_t i = 0; i < 256; ++i) {
      sobol.point(i, unit);
      const double shrink = i % 2 ? 1 : 0.3;
      for (std::size_t k = 0; k < p; ++k)
        raw.push_back(std::clamp(units[next][k] + shrink * ((low[k] - units[next][k]) * (1 - unit[k]) + (high[k] - units[next][k]) * unit[k]), low[k], high[k]));
    }
    landscape.aim(model.values[next]);
    std::vector<double> scores(256);
    landscape.evaluate(raw, scores, {});
    std::vector<std::size_t> ranked(256);
    std::iota(ranked.begin(), ranked.end(), 0);
    std::partial_sort(ranked.begin(), ranked.begin() + 5, ranked.end(), [&](std::size_t x, std::size_t y) { return scores[x] < scores[y]; });
    std::vector<double> starts;
    for (std::size_t r = 0; r < 5; ++r) starts.insert(starts.end(), raw.begin() + static_cast<std::ptrdiff_t>(ranked[r] * p), raw.begin() + static_cast<std::ptrdiff_t>((ranked[r] + 1) * p));
    auto minima = minimise(
        [&](std::span<const double> points, std::span<double> values, std::span<double> gradients) {
          landscape.evaluate(points, values, gradients);
        },
        starts, low, high, {.iterations = 30, .gradient_tolerance = 1e-4, .value_tolerance = 1e-5});
    std::ranges::sort(minima, {}, &Minimum::value);
    if (-minima.front().value > std::log(options_.explore)) {
      Config config = space_.decode(minima.front().point);
      if (allowed(config)) return config;
    }
    centres.push_back(next);
  }
  return {};
}

/// Whether the belief rises somewhere on the way from a configuration to a result above both.
bool BayesianSearcher::hill_to(const Surrogate::Model& model, const Config& config, double value, std::size_t b) const {
  constexpr std::size_t steps = 9;
  const std::size_t d = surrogate_.embedding().features();
  std::vector<double> way(steps * d), from(d), to(d);
  surrogate_.embedding().embed(config, from);
  surrogate_.embedding().embed(surrogate_.configs()[b], to);
  for (std::size_t s = 0; s < steps; ++s)
    for (std::size_t k = 0; k < d; ++k) way[s * d + k] = from[k] + (to[k] - from[k]) * static_cast<double>(s + 1) / (steps + 1);
  const double level = std::max(value, model.values[b]);
  for (const double mean : model.process->predict_mean({way.data(), steps, d, d}))
    if (mean > level + 0.01) return true;
  return false;
}

bool BayesianSearcher::hill_between(const Surrogate::Model& model, std::size_t a, std::size_t b) const {
  return a != b && hill_to(model, surrogate_.configs()[a], model.values[a], b);
}

bool BayesianSearcher::embedding_lengths_ok() const { return surrogate_.embedding().plain(); }

}  // namespace regatta::search
