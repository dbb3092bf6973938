#include "domain.hpp"

#include <algorithm>

#include "order.hpp"
#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t domain_stream = 0x646f6d;

}  // namespace

Domain::Domain(const SearcherOptions& options, const space::Space& space, Subtree content,
               const std::vector<double>& scale)
    : space_(space),
      options_(options),
      domain_(content.domain),
      root_(content.root),
      tree_(space, options.tree, std::move(content.root)),
      leaves_(options, space) {
  if (!scale.empty()) tree_.scale(scale);
  for (const Subtree::Result& result : content.results) add(result);
  for (const Subtree::Running& running : content.running) begin(running);
}

void Domain::add(const Subtree::Result& result) {
  if (result.number < 0) {
    tree_.add_outside(result.config, result.loss);
  } else {
    places_[result.number] = results_.size();
    tree_.add(result.config, result.loss);
  }
  results_.push_back(result);
  tried_.insert(config_hash(result.config));
}

void Domain::begin(const Subtree::Running& running) {
  running_.emplace(config_hash(running.config), running);
  tried_.insert(config_hash(running.config));
  tree_.begin(running.config);
  if (std::isfinite(running.loss)) tree_.report(running.config, running.loss);
}

Domain::Running::iterator Domain::running_at(const Config& config) {
  const auto [first, last] = running_.equal_range(config_hash(config));
  const auto found =
      std::find_if(first, last, [&](const auto& each) { return same_config(each.second.config, config); });
  return found == last ? running_.end() : found;
}

void Domain::take(const Observation& observation) {
  using Kind = Observation::Kind;
  if (observation.kind == Kind::Result)
    return add({observation.result, observation.config, observation.loss});
  if (observation.kind == Kind::Outside) return add({-1, observation.config, observation.loss});
  if (observation.kind == Kind::Change) {
    const std::size_t place = places_.at(observation.result);
    results_[place].loss = observation.loss;
    return tree_.change(place, observation.loss);
  }
  const auto running = running_at(observation.config);
  if (observation.kind == Kind::Begin) {
    const bool offered = running != running_.end() && running->second.offered;
    if (!offered) return begin({observation.config, HUGE_VAL, false});
    running->second.offered = false;
    return;
  }
  require(running != running_.end(), "a trial reports or ends in a domain where it has not begun");
  if (observation.kind == Kind::Report) {
    running->second.loss = observation.loss;
    return tree_.report(observation.config, observation.loss);
  }
  running_.erase(running);
  tree_.end(observation.config);
}

void Domain::take(const AllLosses& all) {
  std::vector<double> losses;
  for (Subtree::Result& result : results_) {
    if (result.number >= 0) result.loss = all.losses[static_cast<std::size_t>(result.number)];
    losses.push_back(result.loss);
  }
  if (!losses.empty()) tree_.change_all(losses);
}

std::size_t Domain::leaf_for(TrialId number) const {
  if (number.value % turns == turns - 1) return tree_.best_leaf();
  return tree_.choose(
      Random(derive_seed(options_.seed, domain_stream), static_cast<std::uint64_t>(number.value)).uniform());
}

std::optional<Config> Domain::propose(TrialId number, Rule rule) {
  LeafSearch::Wish wish{.number = number, .rule = rule, .within = &root_.part};
  wish.seen = [this](const Config& config) { return tried_.contains(config_hash(config)); };
  auto config = leaves_.propose(tree_, leaf_for(number), wish);
  if (config) begin({*config, HUGE_VAL, true});
  return config;
}

Subtree Domain::content() const {
  Subtree all{domain_, root_, results_, {}};
  for (const auto& [hash, running] : running_) all.running.push_back(running);
  return all;
}

std::vector<Subtree> Domain::children(std::int32_t first) const {
  const RegionTree::Node& root = tree_.nodes().front();
  std::vector<Subtree> parts;
  for (std::size_t c = 0; c < root.children; ++c) {
    const RegionTree::Node& node = tree_.nodes()[root.first_child + c];
    const std::int32_t number = first + static_cast<std::int32_t>(c);
    Subtree part{number, {node.part, node.log_volume, node.depth, number}, {}, {}};
    std::vector<Subtree::Result> inside, outside;
    std::vector<double> distances;
    for (const Subtree::Result& result : results_) {
      const space::UnitPoint place = place_of(space_, result.config);
      if (result.number >= 0 && root.split.child(place) == c) {
        inside.push_back(result);
        continue;
      }
      outside.push_back({-1, result.config, result.loss});
      distances.push_back(node.part.squared_distance(place));
    }
    const std::vector<std::size_t> order = ascending(distances);
    for (const std::size_t i : std::span(order).first(std::min(order.size(), LocalModels::most_results)))
      part.results.push_back(outside[i]);
    part.results.insert(part.results.end(), inside.begin(), inside.end());
    for (const auto& [hash, running] : running_)
      if (root.split.child(place_of(space_, running.config)) == c) part.running.push_back(running);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace regatta::search
