#include "bayesian_searcher.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "ask.hpp"
#include "random_searcher.hpp"
#include "rule.hpp"
#include "sobol_searcher.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t bayesian_stream = 0x626f, prior_stream = 0x7072;
constexpr int prior_draws = 1000;  // until one is feasible and new
constexpr std::size_t least_initial = 5, initial_beyond_parameters = 4;
constexpr std::size_t many_groups = 8;  // parameters from which on trust regions are kept to
constexpr std::size_t per_region = 32, most_regions = 5;  // running trials
constexpr std::int32_t polishing_turn = 0, greedy_turn = turns - 1;

bool tried(const Config& config, const History& history, const std::vector<Config>& avoid) {
  return history.contains(config) || holds(avoid, config);
}

/// Mean over a model's fantasies of the expected improvement at some features, in the unit of the objective:
/// by the slope of the transform at the best loss.
double promise_of(const Surrogate& surrogate, const Surrogate::Model& model,
                  std::span<const double> features) {
  Prediction prediction;
  model.process->predict({features.data(), 1, features.size(), features.size()}, prediction);
  double sum = 0;
  for (const double mean : prediction.mean)
    sum += std::exp(log_expected_improvement(mean, prediction.variance[0], model.incumbent).value);
  const double slope = std::exp(model.transform.log_slope(surrogate.active().losses[model.best]));
  return sum / static_cast<double>(prediction.mean.size()) / slope;
}

/// That of the models by their weights: the one that has chosen a configuration promises too much of it.
double promise_of(Surrogate& surrogate, const Config& config) {
  std::vector<double> features(surrogate.embedding().features());
  surrogate.embedding().embed(config, features);
  double sum = 0, weights = 0;
  for (const Surrogate::Model* model : surrogate.weighed()) {
    sum += model->weight * promise_of(surrogate, *model, features);
    weights += model->weight;
  }
  return sum / weights;
}

}  // namespace

int initial_trials(const BayesianOptions& options, const space::Space& space) {
  if (options.initial_trials > 0) return options.initial_trials;
  return static_cast<int>(std::max(least_initial, space.size() + initial_beyond_parameters));
}

BayesianSearcher::BayesianSearcher(const SearcherOptions& options, space::Space space)
    : space_(space), options_(options), surrogate_(space, options.bayesian) {
  options_.bayesian.initial_trials = initial_trials(options.bayesian, space_);
  initial_ = options.bayesian.initial_design == "random"
                 ? std::unique_ptr<Searcher>(new RandomSearcher(options, space))
                 : std::unique_ptr<Searcher>(new SobolSearcher(options, space));
}

std::optional<Config> BayesianSearcher::propose(const History& history, TrialId trial,
                                                const std::vector<Config>& avoid) {
  promised_.reset();
  ended_ = false;
  if (trial.value >= options_.bayesian.initial_trials) {
    if (auto config = ask(history, trial, avoid)) return config;
    if (ended_) return std::nullopt;
  } else if (trial.value % 2 == 0 && !options_.bayesian.prior.empty()) {
    if (auto config = believed(history, trial, avoid)) return config;
  }
  return initial_->propose(history, trial, avoid);
}

/// A draw from the user's prior.
std::optional<Config> BayesianSearcher::believed(const History& history, TrialId trial,
                                                 const std::vector<Config>& avoid) const {
  Random random(derive_seed(options_.seed, prior_stream), static_cast<std::uint64_t>(trial.value));
  for (int tries = 0; tries < prior_draws; ++tries) {
    Config config = space_.decode(believed_unit(space_, options_.bayesian.prior, random));
    if (space_.feasible(config) && !tried(config, history, avoid)) return config;
  }
  return std::nullopt;
}

std::optional<Config> BayesianSearcher::ask(const History& history, TrialId trial,
                                            const std::vector<Config>& avoid) {
  surrogate_.update(history);
  if (surrogate_.embedding().features() == 0 || surrogate_.size() < 2 || surrogate_.constant())
    return std::nullopt;
  std::vector<Config> pending = avoid;
  for (const TrialId id : history.unfinished())
    if (history[id].state != TrialState::Paused) pending.push_back(history[id].config);
  const auto seen = [&](const Config& config) { return tried(config, history, avoid); };

  const std::int32_t turn = trial.value % turns;
  Surrogate& surrogate = belief(turn);
  const auto masked = [&](std::span<const double> features) { return in_left_valley(features, surrogate); };
  const auto excluded = [&](const Config& config) {
    if (seen(config) || &surrogate == &surrogate_) return seen(config);
    std::vector<double> features(surrogate.embedding().features());
    surrogate.embedding().embed(config, features);
    return masked(features);
  };

  Random random(derive_seed(options_.seed, bayesian_stream), static_cast<std::uint64_t>(trial.value));
  Surrogate::Model& model = surrogate.draw(random.uniform());
  const Rule rule = rule_of(options_.bayesian, history, trial.value);

  Landscape::Setting terrain = terrain_of(rule, options_.bayesian, surrogate_.size());
  if (surrogate_.embedding().continuous().empty()) terrain.excluded = seen;
  if (options_.bayesian.cost_aware && rule != Rule::Mean) terrain.costs = &surrogate_.costs();
  if (&surrogate != &surrogate_) terrain.masked = masked;
  if (rule != Rule::Sample) terrain.companions = surrogate.companions(model);
  Landscape landscape(space_, options_.bayesian, surrogate, model, pending, std::move(terrain), random);

  Ask::Setting setting{.options = &options_.bayesian, .seen = excluded};
  if (turn != greedy_turn) setting.regions = regions(pending.size());
  setting.restless = turn != polishing_turn && rule != Rule::Sample;
  setting.scouting = turn == 1;
  setting.improvement = rule == Rule::Improvement;
  setting.favour = favour(trial);
  Ask proposal(surrogate, landscape, std::move(setting), random);
  if (options_.min_gain > 0 && rule == Rule::Improvement) {
    const auto best = proposal.most_promising();
    if (!best || promise_of(surrogate, *best) < options_.min_gain)
      return give_up("no configuration promises search.min_gain");
  }
  auto config = rule == Rule::Sample ? proposal.sample() : proposal.maximise();
  if (config) promised_ = promise_of(surrogate, *config);
  return config;
}

/// What a proposal goes by: the greedy one by all results, so that what lies between valleys is seen, too;
/// that which polishes by those outside of the valleys that were left, as long as the best result is among
/// them; others by what was not left.
Surrogate& BayesianSearcher::belief(std::int32_t turn) {
  Surrogate* part = &surrogate_;
  if (turn == greedy_turn) return *part;
  while (part->rest() && (turn != polishing_turn || part->rest()->least_loss() <= part->least_loss()))
    part = part->rest();
  return *part;
}

/// Whether a point lies in one of the valleys that were left before a surrogate was there.
bool BayesianSearcher::in_left_valley(std::span<const double> features, const Surrogate& of) {
  for (Surrogate* part = &surrogate_; part != &of; part = part->rest())
    if (part->in_left_valley(features)) return true;
  return false;
}

/// How many trust regions a proposal keeps to.
std::size_t BayesianSearcher::regions(std::size_t running) const {
  const int wanted = options_.bayesian.trust_regions;
  if (wanted >= 0) return static_cast<std::size_t>(wanted);
  return surrogate_.embedding().groups().groups < many_groups
             ? 0
             : 1 + std::min(running / per_region, most_regions - 1);
}

std::optional<Config> BayesianSearcher::give_up(std::string reason) {
  ended_ = true;
  exhausted_reason_ = std::move(reason);
  return std::nullopt;
}

}  // namespace regatta::search
