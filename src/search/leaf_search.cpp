#include "leaf_search.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "order.hpp"
#include "trust_region.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t leaf_stream = 0x616974;
constexpr double margin = 0.1;  // of the width of a part, on each side, in which proposals may lie, too
constexpr std::size_t centres_at_most = 4;
constexpr std::size_t many_parameters = 8;   // from which on a trust region is kept to
constexpr std::size_t pending_at_most = 32;  // that a local model knows
constexpr SearchEffort effort{.raw_samples = 160, .near_samples = 64, .restarts = 3, .iterations = 20};

/// The best results of a leaf.
std::vector<space::UnitPoint> centres_of(const RegionTree& tree, std::size_t leaf) {
  const std::vector<std::size_t>& members = tree.nodes()[leaf].members;
  std::vector<double> losses;
  for (const std::size_t member : members) losses.push_back(tree.losses()[member]);
  std::vector<space::UnitPoint> centres;
  for (const std::size_t i : ascending(losses)) {
    if (centres.size() == centres_at_most) break;
    centres.push_back(unit_at(tree.places()[members[i]]));
  }
  return centres;
}

void cut(Region& region, const Region& other) {
  for (std::size_t k = 0; k < region.low.size(); ++k) {
    region.low[k] = std::max(region.low[k], other.low[k]);
    region.high[k] = std::min(region.high[k], other.high[k]);
  }
}

}  // namespace

LeafSearch::LeafSearch(const SearcherOptions& options, const space::Space& space)
    : space_(space),
      options_(options),
      surrogate_(space, BayesianOptions{}),
      models_(surrogate_.embedding(), options_.bayesian) {}

/// The box of a leaf, a little larger; with many parameters what a trust region around its best result leaves
/// of it.
/// @param scale  1 / lengthscale, by feature
Region LeafSearch::region_of(const RegionTree& tree, std::size_t leaf, std::span<const double> scale,
                             const Wish& wish) const {
  const RegionTree::Node& node = tree.nodes()[leaf];
  Region region = node.part.box(margin);
  if (wish.within) cut(region, wish.within->box(0));
  if (space_.size() < many_parameters || node.members.size() < 2) return region;
  std::vector<space::UnitPoint> units;
  std::vector<double> losses;
  for (const std::size_t member : node.members) {
    units.push_back(unit_at(tree.places()[member]));
    losses.push_back(tree.losses()[member]);
  }
  cut(region, trust_box(surrogate_.embedding(), scale, trust_length(units, losses),
                        units[static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin())]));
  return region;
}

/// The running trials nearest to a leaf, in an order that does not depend on when they began.
std::vector<Config> LeafSearch::pending_around(const RegionTree& tree, std::size_t leaf) const {
  const Part& part = tree.nodes()[leaf].part;
  std::vector<std::pair<double, space::UnitPoint>> near;
  for (const space::UnitPoint& place : tree.running_around(leaf, pending_at_most))
    near.emplace_back(part.squared_distance(place), unit_at(place));
  const std::size_t count = std::min(near.size(), pending_at_most);
  std::ranges::partial_sort(near, near.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<Config> pending;
  for (std::size_t i = 0; i < count; ++i) pending.push_back(space_.decode(near[i].second));
  return pending;
}

/// @param use  of the question and the model
template <class Use>
auto LeafSearch::ask(const RegionTree& tree, std::size_t leaf, const Wish& wish, Use use) {
  Random random(derive_seed(options_.seed, leaf_stream), static_cast<std::uint64_t>(wish.number.value));
  auto [model, centre] = models_.model_of(space_, tree, leaf, random.uniform());
  Landscape::Setting terrain = terrain_of(wish.rule, options_.bayesian, tree.size());
  terrain.centre = centre;
  const Part& part = tree.nodes()[leaf].part;
  const bool all_known = surrogate_.embedding().continuous().empty();
  const auto barred = [&](const Config& config) {
    return (wish.within && !wish.within->contains(place_of(space_, config))) || wish.seen(config);
  };
  if (all_known || !part.is_box())
    terrain.excluded = [&, all_known](const Config& config) {
      return !part.contains(place_of(space_, config)) || (all_known && barred(config));
    };
  Landscape landscape(space_, options_.bayesian, surrogate_, model, pending_around(tree, leaf),
                      std::move(terrain), random);
  Ask::Setting setting{.options = &options_.bayesian, .seen = barred};
  setting.place = {region_of(tree, leaf, model.process->scale(), wish), centres_of(tree, leaf), effort};
  setting.improvement = wish.rule == Rule::Improvement;
  Ask question(surrogate_, landscape, std::move(setting), random);
  return use(question, model);
}

std::optional<Config> LeafSearch::propose(const RegionTree& tree, std::size_t leaf, const Wish& wish) {
  if (tree.size() < 2 || surrogate_.embedding().features() == 0) return std::nullopt;
  return ask(tree, leaf, wish, [&](Ask& question, const Surrogate::Model&) {
    return wish.rule == Rule::Sample ? question.sample() : question.maximise();
  });
}

double LeafSearch::largest_improvement(const RegionTree& tree, std::size_t leaf, const Wish& wish) {
  return ask(tree, leaf, wish, [&](Ask& question, const Surrogate::Model& model) {
    return std::exp(question.largest_improvement() - model.transform.log_slope(tree.best()));
  });
}

}  // namespace regatta::search
