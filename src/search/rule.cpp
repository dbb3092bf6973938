#include "rule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace regatta::search {
namespace {

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

/// Even proposals go round all rules; odd ones take the rule whose proposals have had the best results, by
/// their mean rank among all results, less what is favoured because little is known (UCB1, Auer et al. 2002).
/// So the history alone tells which rule made which trial.
Rule hedged(const BayesianOptions& options, const History& history, std::int32_t number) {
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
    if (own < options.initial_trials || own % 2 != 0 || !done) continue;
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

}  // namespace

Rule rule_of(const BayesianOptions& options, const History& history, std::int32_t number) {
  const std::string& acquisition = options.acquisition;
  if (acquisition == "hedge") return hedged(options, history, number);
  if (acquisition == "thompson") return Rule::Sample;
  if (acquisition == "ucb") return Rule::Confidence;
  return number % turns == turns - 1 ? Rule::Mean : Rule::Improvement;
}

Landscape::Setting terrain_of(Rule rule, const BayesianOptions& options, std::size_t results) {
  Landscape::Setting terrain;
  terrain.rule = rule == Rule::Mean ? least_mean : rule == Rule::Confidence ? confidence : improvement;
  terrain.parameter = rule == Rule::Confidence
                          ? options.beta * std::pow(static_cast<double>(results), -options.beta_decay)
                          : options.jitter;
  if (!options.prior.empty()) {
    terrain.prior = &options.prior;
    terrain.prior_weight = options.prior_strength / static_cast<double>(results);
  }
  return terrain;
}

}  // namespace regatta::search
