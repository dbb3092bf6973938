#include "ais_searcher.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

constexpr std::uint64_t tree_stream = 0x616973;
constexpr std::size_t many_running = 100;  // from which on models are local
constexpr double favour_weight = 0.3;

/// Models of all results see values of different epochs as the tree does.
SearcherOptions aligned(SearcherOptions options) {
  options.bayesian.align_epochs = true;
  return options;
}

}  // namespace

double favour_of(const RegionTree& tree, const Config& config) {
  const std::size_t leaf = tree.leaf_of(config);
  const RegionTree::Node& node = tree.nodes()[leaf];
  return favour_weight *
         (std::log(tree.probability(leaf)) - std::log1p(static_cast<double>(node.visits + node.in_flight)));
}

AisSearcher::AisSearcher(const SearcherOptions& options, space::Space space)
    : BayesianSearcher(aligned(options), space),
      study_(space, options.tree),
      leaves_(this->options(), space),
      local_from_(static_cast<std::size_t>(options.tree.local_from)) {}

std::optional<Config> AisSearcher::ask(const History& history, TrialId trial,
                                       const std::vector<Config>& avoid) {
  if (!study_.update(history)) leaves_.clear();
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
  return tree().choose(
      Random(derive_seed(options().seed, tree_stream), static_cast<std::uint64_t>(trial.value)).uniform());
}

/// Where the model is one of all results, the tree weighs its best places.
std::function<double(const space::UnitPoint&)> AisSearcher::favour(TrialId trial) {
  if (tree().leaves() == 1 || greedy(trial)) return nullptr;
  return [this](const space::UnitPoint& unit) { return favour_of(tree(), space().decode(unit)); };
}

/// A proposal of the model of one leaf.
std::optional<Config> AisSearcher::ask_locally(const History& history, TrialId trial,
                                               const std::vector<Config>& avoid) {
  const std::size_t leaf = selected(trial);
  LeafSearch::Wish wish{.number = trial, .rule = rule_of(options().bayesian, history, trial.value)};
  wish.seen = [&](const Config& config) { return history.contains(config) || holds(avoid, config); };
  if (options().min_gain > 0 && wish.rule == Rule::Improvement && tree().size() >= 2 && hopeless(leaf, wish))
    return give_up("no configuration promises search.min_gain");
  return leaves_.propose(tree(), leaf, wish);
}

/// No leaf promises search.min_gain; the selected one is looked at first.
bool AisSearcher::hopeless(std::size_t leaf, const LeafSearch::Wish& wish) {
  const auto promises = [&](std::size_t node) {
    return leaves_.largest_improvement(tree(), node, wish) >= options().min_gain;
  };
  if (promises(leaf)) return false;
  for (std::size_t node = 0; node < tree().nodes().size(); ++node)
    if (tree().nodes()[node].children == 0 && node != leaf && promises(node)) return false;
  return true;
}

}  // namespace regatta::search
