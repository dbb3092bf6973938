#include "bayesian_searcher.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "ask.hpp"
#include "random_searcher.hpp"
#include "sobol_searcher.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t bayesian_stream = 0x626f, prior_stream = 0x7072;
constexpr int prior_draws = 1000;  // until one is feasible and new
constexpr std::size_t least_initial = 5, initial_beyond_parameters = 4;
constexpr std::size_t many_groups = 8;  // parameters from which on trust regions are kept to
constexpr std::size_t per_region = 32, most_regions = 5;  // running trials
constexpr double hedge_curiosity = 0.15;  // how much an acquisition that was tried rarely is favoured

Acquired improvement(double mean, double variance, double target, double jitter) {
  return log_expected_improvement(mean, variance, target - jitter);
}

Acquired least_mean(double mean, double, double, double) { return {-mean, -1, 0}; }

/// ln(1 + exp(confidence bound)): grows with the bound, and is above 0, so that its logarithm can be
/// penalised.
Acquired confidence(double mean, double variance, double target, double beta) {
  const Acquired bound = upper_confidence_bound(mean - target, variance, beta);
  const double soft = bound.value > 30 ? bound.value : std::log1p(std::exp(bound.value));
  const double slope = 1 / (1 + std::exp(-bound.value)) / soft;
  return {std::log(soft), slope * bound.by_mean, slope * bound.by_variance};
}

bool tried(const Config& config, const History& history, const std::vector<Config>& avoid) {
  return history.contains(config) || holds(avoid, config);
}

/// Mean of exp(log expected improvement) at one configuration, in the unit of the objective: by the slope of
/// the transform at the best loss.
double promise_of(const Surrogate& surrogate, const Surrogate::Model& model, const Config& config) {
  const std::size_t d = surrogate.embedding().features();
  std::vector<double> features(d);
  surrogate.embedding().embed(config, features);
  Prediction prediction;
  model.process->predict({features.data(), 1, d, d}, prediction);
  double sum = 0;
  for (const double mean : prediction.mean)
    sum += std::exp(log_expected_improvement(mean, prediction.variance[0], model.incumbent).value);
  const double slope = std::exp(model.transform.log_slope(surrogate.active().losses[model.best]));
  return sum / static_cast<double>(prediction.mean.size()) / slope;
}

}  // namespace

BayesianSearcher::BayesianSearcher(const SearcherOptions& options, space::Space space)
    : space_(space), options_(options), surrogate_(space, options.bayesian) {
  int& initial = options_.bayesian.initial_trials;
  if (initial == 0)
    initial = static_cast<int>(std::max(least_initial, space_.size() + initial_beyond_parameters));
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

  Random random(derive_seed(options_.seed, bayesian_stream), static_cast<std::uint64_t>(trial.value));
  Surrogate::Model& model = surrogate_.draw(random.uniform());
  const Rule rule = rule_of(history, trial.value);
  const std::int32_t turn = trial.value % turns;

  Landscape::Setting terrain;
  terrain.rule = rule == Rule::Mean ? least_mean : rule == Rule::Confidence ? confidence : improvement;
  const double results = static_cast<double>(surrogate_.size());
  terrain.parameter = rule == Rule::Confidence
                          ? options_.bayesian.beta * std::pow(results, -options_.bayesian.beta_decay)
                          : options_.bayesian.jitter;
  if (surrogate_.embedding().continuous().empty()) terrain.excluded = seen;
  if (options_.bayesian.cost_aware && rule != Rule::Mean) terrain.costs = &surrogate_.costs();
  if (!options_.bayesian.prior.empty()) {
    terrain.prior = &options_.bayesian.prior;
    terrain.prior_weight = options_.bayesian.prior_strength / static_cast<double>(surrogate_.size());
  }
  Ask::Setting setting{.options = &options_.bayesian, .seen = seen};
  setting.elsewhere = terrain;
  setting.elsewhere.rule = improvement;
  setting.elsewhere.parameter = options_.bayesian.jitter;
  setting.pending = &pending;
  Landscape landscape(space_, options_.bayesian, surrogate_, model, pending, std::move(terrain), random);
  if (turn + 1 < turns) setting.regions = regions(pending.size());
  setting.scouting = turn == 1;
  setting.restless = turn != 0 && rule != Rule::Sample;
  setting.improvement = rule == Rule::Improvement;
  setting.favour = favour(trial);
  Ask proposal(surrogate_, landscape, std::move(setting), random);
  if (options_.min_gain > 0 && rule == Rule::Improvement) {
    const double slope = model.transform.log_slope(surrogate_.active().losses[model.best]);
    if (proposal.largest_improvement() - slope < std::log(options_.min_gain))
      return give_up("no configuration promises search.min_gain");
  }
  auto config = rule == Rule::Sample ? proposal.sample() : proposal.maximise();
  if (config) promised_ = promise_of(surrogate_, model, *config);
  return config;
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

BayesianSearcher::Rule BayesianSearcher::rule_of(const History& history, std::int32_t number) const {
  const std::string& acquisition = options_.bayesian.acquisition;
  if (acquisition == "hedge") return hedged(history, number);
  if (acquisition == "thompson") return Rule::Sample;
  if (acquisition == "ucb") return Rule::Confidence;
  return number % turns == turns - 1 ? Rule::Mean : Rule::Improvement;
}

/// Even proposals go round all rules; odd ones take the rule whose proposals have had the best results, by
/// their mean rank among all results, less what is favoured because little is known (UCB1, Auer et al. 2002).
/// So the history alone tells which rule made which trial.
BayesianSearcher::Rule BayesianSearcher::hedged(const History& history, std::int32_t number) const {
  constexpr std::array rules{Rule::Improvement, Rule::Confidence, Rule::Mean, Rule::Sample};
  const auto in_turn = [&](std::int32_t n) { return static_cast<std::size_t>(n / 2) % rules.size(); };
  if (number % 2 == 0) return rules[in_turn(number)];
  std::vector<std::pair<std::size_t, double>> results;  // rule, loss
  std::vector<double> sorted;
  std::int32_t proposal = 0;
  for (const Trial& trial : history.trials()) {
    if (trial.origin != Origin::Searcher) continue;
    const std::int32_t own = proposal++;
    const bool done = succeeded(trial.state) && !std::isnan(trial.objective);
    if (own < options_.bayesian.initial_trials || own % 2 != 0 || !done) continue;
    results.emplace_back(in_turn(own), history.maximize() ? -trial.objective : trial.objective);
    sorted.push_back(results.back().second);
  }
  std::ranges::sort(sorted);
  std::array<double, rules.size()> ranks{}, counts{};
  for (const auto& [rule, loss] : results) {
    ranks[rule] += static_cast<double>(std::ranges::lower_bound(sorted, loss) - sorted.begin()) /
                   static_cast<double>(sorted.size());
    counts[rule] += 1;
  }
  std::array<double, rules.size()> scores{};
  for (std::size_t r = 0; r < rules.size(); ++r)
    scores[r] =
        counts[r] == 0
            ? -1
            : ranks[r] / counts[r] -
                  hedge_curiosity * std::sqrt(2 * std::log(static_cast<double>(results.size())) / counts[r]);
  return rules[static_cast<std::size_t>(std::ranges::min_element(scores) - scores.begin())];
}

}  // namespace regatta::search
