#include "bayesian_searcher.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "acquisition_search.hpp"
#include "regatta/search/sobol_sequence.hpp"
#include "trust_region.hpp"
#include "valleys.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t bayesian_stream = 0x626f, prior_stream = 0x7072;
constexpr std::size_t least_initial = 5, initial_beyond_parameters = 4;
constexpr std::size_t centres_at_most = 4;
constexpr std::size_t believed_centres = 2;  // beside them, drawn from the user's prior
constexpr int prior_draws = 1000;            // until one is feasible and new
constexpr std::int32_t turns = 4;       // of proposals: one to go on, the others to look elsewhere when a valley is exhausted
constexpr std::size_t most_valleys = 4;
constexpr std::uint32_t scouts = 1024;  // points from which one is drawn to find a new valley
constexpr std::size_t best_scouts = 50;
constexpr SearchEffort valley_effort{.raw_samples = 256, .near_samples = 64, .restarts = 5, .iterations = 30};

Acquired log_ei_rule(double mean, double variance, double target, double jitter) {
  return log_expected_improvement(mean, variance, target - jitter);
}
Acquired ei_rule(double mean, double variance, double target, double jitter) {
  return expected_improvement(mean, variance, target - jitter);
}
Acquired ucb_rule(double mean, double variance, double, double beta) { return upper_confidence_bound(mean, variance, beta); }

bool tried(const Config& config, const History& history, const std::vector<Config>& avoid) {
  return history.contains(config) || std::ranges::any_of(avoid, [&](const Config& other) { return same_config(other, config); });
}

/// A draw from the user's prior.
space::UnitPoint believed_unit(const space::Space& space, const UserPrior& prior, Random& random) {
  space::UnitPoint unit(space.size());
  for (double& coordinate : unit) coordinate = random.uniform();
  prior.transform(unit);
  return unit;
}

/// One proposal.
class Ask {
 public:
  Ask(const space::Space& space, const BayesianOptions& options, const Surrogate& surrogate, Landscape& landscape,
      std::function<bool(const Config&)> seen, Random& random)
      : space_(space),
        options_(options),
        surrogate_(surrogate),
        landscape_(landscape),
        model_(landscape.model()),
        valleys_(surrogate, model_),
        seen_(std::move(seen)),
        random_(random) {}

  std::optional<Config> run(TrialId trial) {
    const SearchEffort effort{.raw_samples = options_.raw_samples, .restarts = options_.restarts};
    const bool local = surrogate_.embedding().groups().groups >= 8 && trial.value % 4 < 3;
    const auto minima = minimise(landscape_, local ? trust_region(surrogate_, model_) : Region::everything(space_.size()), centres(local), effort, random_);
    const bool exhausted = minima.empty() || promise(minima.front()) < std::log(options_.explore) || valleys_.stagnant(options_.explore);
    const std::int32_t turn = trial.value % turns;
    if (exhausted && turn != 0) {
      std::optional<Config> elsewhere = turn == 1 ? scout() : other_valley();
      if (!elsewhere) elsewhere = scout();
      if (elsewhere) return elsewhere;
    }
    return first_allowed(minima);
  }

 private:
  bool allowed(const Config& config) const { return space_.feasible(config) && !seen_(config); }

  std::optional<Config> first_allowed(const std::vector<Minimum>& minima) const {
    for (const Minimum& minimum : minima) {
      Config config = space_.decode(minimum.point);
      if (allowed(config)) return config;
    }
    return std::nullopt;
  }

  /// What the model alone says, so that a belief neither makes a valley hopeless nor keeps it alive.
  double promise(const Minimum& minimum) const { return -minimum.value - landscape_.prior(minimum.point); }

  /// The best results and, unless the search is local, where the user expects good ones.
  std::vector<space::UnitPoint> centres(bool local) {
    std::vector<space::UnitPoint> units = best_units();
    if (local || options_.prior.empty()) return units;
    for (std::size_t i = 0; i < believed_centres; ++i) units.push_back(believed_unit(space_, options_.prior, random_));
    return units;
  }

  std::vector<space::UnitPoint> best_units() const {
    std::vector<std::size_t> order(model_.values.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return model_.values[i]; });
    std::vector<space::UnitPoint> units;
    for (std::size_t i = 0; i < std::min(centres_at_most, order.size()); ++i) units.push_back(surrogate_.active().units[order[i]]);
    return units;
  }

  /// The best point of the best valley that still promises something, that of the best result left out.
  std::optional<Config> other_valley() {
    std::vector<std::size_t> mined{model_.best};
    while (mined.size() <= most_valleys) {
      const auto centre = valleys_.next(mined);
      if (!centre) return std::nullopt;
      landscape_.aim(model_.values[*centre]);
      const auto minima = minimise(landscape_, valleys_.region(*centre, mined), {surrogate_.active().units[*centre]},
                                   valley_effort, random_);
      if (!minima.empty() && promise(minima.front()) > std::log(options_.explore))
        if (auto config = first_allowed(minima)) return config;
      mined.push_back(*centre);
    }
    return std::nullopt;
  }

  /// A point outside the valley of the best result: the optimist's choice among points that are spread over the inside of the
  /// space, since the belief is vaguest at its corners.
  std::optional<Config> scout() {
    const std::size_t p = space_.size(), d = landscape_.embedding().features();
    const SobolSequence sobol(p, random_.bits());
    std::vector<Config> configs;
    std::vector<double> features(scouts * d);
    space::UnitPoint unit(p);
    for (std::uint32_t i = 0; i < scouts; ++i) {
      sobol.point(i, unit);
      configs.push_back(space_.decode(unit));
      landscape_.embedding().embed(configs.back(), {features.data() + i * d, d});
    }
    Prediction prediction;
    model_.process->predict({features.data(), scouts, d, d}, prediction);
    const std::size_t fantasies = model_.process->fantasies();
    const double kappa = 0.5 + 1.5 * random_.uniform();
    std::vector<std::size_t> order(scouts);
    std::iota(order.begin(), order.end(), 0);
    const auto bound = [&](std::size_t i) { return prediction.mean[i * fantasies] - kappa * std::sqrt(prediction.variance[i]); };
    std::ranges::partial_sort(order, order.begin() + best_scouts, {}, bound);
    for (const std::size_t i : std::span(order).first(best_scouts))
      if (valleys_.hill_between({features.data() + i * d, d}, prediction.mean[i * fantasies], model_.best) && allowed(configs[i]))
        return configs[i];
    return std::nullopt;
  }

  const space::Space& space_;
  const BayesianOptions& options_;
  const Surrogate& surrogate_;
  Landscape& landscape_;
  const Surrogate::Model& model_;
  Valleys valleys_;
  std::function<bool(const Config&)> seen_;
  Random& random_;
};

}  // namespace

BayesianSearcher::BayesianSearcher(const SearcherOptions& options, space::Space space)
    : space_(space), options_(options.bayesian), seed_(options.seed), sobol_(options, space), surrogate_(space, options_) {
  if (options_.initial_trials == 0)
    options_.initial_trials = static_cast<int>(std::max(least_initial, space_.size() + initial_beyond_parameters));
}

std::optional<Config> BayesianSearcher::propose(const History& history, TrialId trial, const std::vector<Config>& avoid) {
  if (trial.value >= options_.initial_trials) {
    if (auto config = ask(history, trial, avoid)) return config;
  } else if (trial.value % 2 == 0 && !options_.prior.empty()) {
    if (auto config = believed(history, trial, avoid)) return config;
  }
  return sobol_.propose(history, trial, avoid);
}

std::optional<Config> BayesianSearcher::believed(const History& history, TrialId trial, const std::vector<Config>& avoid) const {
  Random random(derive_seed(seed_, prior_stream), static_cast<std::uint64_t>(trial.value));
  for (int tries = 0; tries < prior_draws; ++tries) {
    Config config = space_.decode(believed_unit(space_, options_.prior, random));
    if (space_.feasible(config) && !tried(config, history, avoid)) return config;
  }
  return std::nullopt;
}

std::optional<Config> BayesianSearcher::ask(const History& history, TrialId trial, const std::vector<Config>& avoid) {
  surrogate_.update(history);
  if (surrogate_.embedding().features() == 0 || surrogate_.size() < 2 || surrogate_.constant()) return std::nullopt;
  std::vector<Config> pending = avoid;
  for (const TrialId id : history.unfinished())
    if (history[id].state != TrialState::Paused) pending.push_back(history[id].config);
  const auto seen = [&](const Config& config) { return tried(config, history, avoid); };

  Random random(derive_seed(seed_, bayesian_stream), static_cast<std::uint64_t>(trial.value));
  Surrogate::Model& model = surrogate_.draw(random.uniform());
  Landscape::Setting setting;
  // A prior adds to a logarithm, and log_ei has its maximum where ei has it.
  setting.rule = options_.acquisition == "ucb" ? ucb_rule : options_.acquisition == "ei" && options_.prior.empty() ? ei_rule : log_ei_rule;
  if (trial.value % 4 == 3) {
    setting.rule = [](double mean, double, double, double) { return Acquired{-mean, -1, 0}; };
  } else
  setting.parameter = options_.acquisition == "ucb" ? options_.beta : options_.jitter;
  if (surrogate_.embedding().continuous().empty()) setting.excluded = seen;
  if (!options_.prior.empty()) {
    setting.prior = &options_.prior;
    setting.prior_weight = options_.prior_strength / static_cast<double>(surrogate_.size());
  }
  Landscape landscape(space_, options_, surrogate_, model, pending, std::move(setting), random);
  return Ask(space_, options_, surrogate_, landscape, seen, random).run(trial);
}

}  // namespace regatta::search
