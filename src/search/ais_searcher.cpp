#include "ais_searcher.hpp"

#include <algorithm>
#include <cmath>

#include "ask.hpp"
#include "order.hpp"
#include "regatta/search/acquisition.hpp"
#include "trust_region.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t tree_stream = 0x616973;
constexpr double margin = 0.1;  // of the width of a part, on each side, in which proposals may lie, too
constexpr std::size_t centres_at_most = 4;
constexpr std::size_t many_parameters = 8;  // from which on a trust region is kept to
constexpr std::size_t few_results = 500, enough_results = 100, results_per_parameter = 5;
constexpr std::size_t many_running = 100;    // from which on models are local
constexpr std::size_t pending_at_most = 32;  // that a local model knows
constexpr double favour_weight = 0.3;
constexpr SearchEffort local_effort{.raw_samples = 160, .near_samples = 64, .restarts = 3, .iterations = 20};

/// Results from which on models are local: where a trust region is kept to, those of all results gain nothing
/// more.
std::size_t first_local(int asked, std::size_t parameters) {
  if (asked > 0) return static_cast<std::size_t>(asked);
  return parameters < many_parameters ? few_results
                                      : std::max(enough_results, results_per_parameter * parameters);
}

Acquired improvement(double mean, double variance, double target, double) {
  return log_expected_improvement(mean, variance, target);
}

Acquired mean_alone(double mean, double, double, double) { return {-mean, -1, 0}; }

}  // namespace

AisSearcher::AisSearcher(const SearcherOptions& options, space::Space space)
    : BayesianSearcher(options, space),
      study_(space, options.tree),
      local_(surrogate().embedding(), this->options().bayesian),
      local_from_(first_local(options.tree.local_from, space.size())) {}

std::optional<Config> AisSearcher::ask(const History& history, TrialId trial,
                                       const std::vector<Config>& avoid) {
  if (!study_.update(history)) local_.clear();
  if (tree().complete()) return give_up("the tree has reached search.max_height");
  study_.begin(avoid);
  const bool local = tree().size() >= local_from_ || tree().nodes()[0].in_flight > many_running;
  auto config = local ? ask_locally(history, trial, avoid) : BayesianSearcher::ask(history, trial, avoid);
  study_.end(avoid);
  return config;
}

/// Selection.
std::size_t AisSearcher::selected(TrialId trial) const {
  if (greedy(trial)) return tree().best_leaf();
  if (options().tree.selection == "score") return tree().select();
  return tree().draw(
      Random(derive_seed(options().seed, tree_stream), static_cast<std::uint64_t>(trial.value)).uniform());
}

/// Where the model is one of all results, the tree weighs its best places: p / (1 + N + O) of their leaves,
/// to the power favour_weight.
std::function<double(const space::UnitPoint&)> AisSearcher::favour(TrialId trial) {
  if (tree().leaves() == 1 || greedy(trial)) return nullptr;
  return [this](const space::UnitPoint& unit) {
    const std::size_t leaf = tree().leaf_of(space().decode(unit));
    const RegionTree::Node& node = tree().nodes()[leaf];
    return favour_weight * (std::log(tree().probability(leaf)) -
                            std::log1p(static_cast<double>(node.visits + node.in_flight)));
  };
}

std::vector<space::UnitPoint> AisSearcher::centres_of(std::size_t leaf) const {
  const std::vector<std::size_t>& members = tree().nodes()[leaf].members;
  std::vector<double> losses;
  for (const std::size_t member : members) losses.push_back(tree().losses()[member]);
  std::vector<space::UnitPoint> centres;
  for (const std::size_t i : ascending(losses)) {
    if (centres.size() == centres_at_most) break;
    centres.push_back(unit_at(tree().places()[members[i]]));
  }
  return centres;
}

/// The box of a leaf, a little larger; with many parameters what a trust region around its best result leaves
/// of it.
/// @param scale  1 / lengthscale, by feature
Region AisSearcher::region_of(std::size_t leaf, std::span<const double> scale) const {
  const RegionTree::Node& node = tree().nodes()[leaf];
  Region region = node.part.box(margin);
  if (space().size() < many_parameters || node.members.size() < 2) return region;
  std::vector<space::UnitPoint> units;
  std::vector<double> losses;
  for (const std::size_t member : node.members) {
    units.push_back(unit_at(tree().places()[member]));
    losses.push_back(tree().losses()[member]);
  }
  const Region trust =
      trust_box(surrogate().embedding(), scale, trust_length(units, losses),
                units[static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin())]);
  for (std::size_t k = 0; k < region.low.size(); ++k) {
    region.low[k] = std::max(region.low[k], trust.low[k]);
    region.high[k] = std::min(region.high[k], trust.high[k]);
  }
  return region;
}

/// The running trials nearest to a leaf.
std::vector<Config> AisSearcher::pending_around(std::size_t leaf, const std::vector<Config>& avoid) const {
  const Part& part = tree().nodes()[leaf].part;
  const std::vector<space::UnitPoint> places = tree().running_around(leaf, pending_at_most);
  std::vector<double> distances;
  for (const space::UnitPoint& place : places) distances.push_back(part.squared_distance(place));
  std::vector<Config> pending = avoid;
  for (const std::size_t i : ascending(distances)) {
    if (pending.size() >= pending_at_most) break;
    pending.push_back(config_at(space(), places[i]));
  }
  return pending;
}

/// A proposal of the model of one leaf.
std::optional<Config> AisSearcher::ask_locally(const History& history, TrialId trial,
                                               const std::vector<Config>& avoid) {
  if (tree().size() < 2 || surrogate().embedding().features() == 0) return std::nullopt;
  const std::size_t leaf = selected(trial);
  const Part& part = tree().nodes()[leaf].part;
  Surrogate::Model model = local_.model_of(space(), tree(), leaf);
  const auto seen = [&](const Config& config) { return history.contains(config) || holds(avoid, config); };
  Landscape::Setting terrain{.rule = greedy(trial) ? mean_alone : improvement};
  const bool all_known = surrogate().embedding().continuous().empty();
  if (all_known || !part.is_box())
    terrain.excluded = [&](const Config& config) {
      return !part.contains(place_of(space(), config)) || (all_known && seen(config));
    };
  if (const UserPrior& prior = options().bayesian.prior; !prior.empty()) {
    terrain.prior = &prior;
    terrain.prior_weight = options().bayesian.prior_strength / static_cast<double>(tree().size());
  }
  Random random(derive_seed(options().seed, tree_stream + 1), static_cast<std::uint64_t>(trial.value));
  Landscape landscape(space(), options().bayesian, surrogate(), model, pending_around(leaf, avoid),
                      std::move(terrain), random);
  const Region region = region_of(leaf, model.process->scale());
  for (const Minimum& minimum : minimise(landscape, region, centres_of(leaf), local_effort, random)) {
    Config config = space().decode(minimum.point);
    if (space().feasible(config) && !seen(config)) return config;
  }
  return std::nullopt;
}

}  // namespace regatta::search
