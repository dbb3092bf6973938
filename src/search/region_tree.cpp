#include "region_tree.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/search/history.hpp"

namespace regatta::search {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t least_split = 20, split_per_parameter = 4;
constexpr double transform_growth = 0.05;  // results since the last transform, as a part of all
constexpr double retry_growth = 1.25;      // members of a leaf that could not be split, until the next try
constexpr double imagined = 100;           // results that a leaf might still have, for its least loss
constexpr double least_deviation = 1e-3;   // of the transformed losses in a leaf
constexpr std::size_t many_running = 300;  // from which on leaves are drawn
constexpr std::uint64_t draw_stream = 0x7472656564;

}  // namespace

RegionTree::RegionTree(const space::Space& space, const TreeOptions& options, Root root)
    : space_(space),
      options_(options),
      split_size_(options.split > 0 ? static_cast<std::size_t>(options.split)
                                    : std::max(least_split, split_per_parameter * space.size())),
      nodes_{Node{.depth = root.depth,
                  .part = std::move(root.part),
                  .log_volume = root.log_volume,
                  .next_split = split_size_}},
      draw_key_(draw_stream + static_cast<std::uint64_t>(root.key)) {
  believe(nodes_.front(), 0);
}

std::size_t RegionTree::leaf_at(std::span<const double> place) const {
  std::size_t node = 0;
  while (nodes_[node].children > 0) node = nodes_[node].first_child + nodes_[node].split.child(place);
  return node;
}

std::size_t RegionTree::leaf_of(const Config& config) const { return leaf_at(place_of(space_, config)); }

// Back-propagation.

void RegionTree::add(const Config& config, double loss) {
  const std::size_t result = losses_.size();
  places_.push_back(place_of(space_, config));
  losses_.push_back(loss);
  values_.push_back(0);
  const std::size_t leaf = leaf_at(places_.back());
  nodes_[leaf].members.push_back(result);
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) ++nodes_[node].visits;
  if (losses_.size() >= next_transform_) {
    transform();
  } else {
    values_[result] = transform_(loss);
    count(nodes_[leaf], result);
    propagate(leaf);
  }
  if (may_split(nodes_[leaf])) expand(leaf);
}

void RegionTree::change(std::size_t result, double loss) {
  ++changes_;
  losses_[result] = loss;
  values_[result] = transform_(loss);
  const std::size_t leaf = leaf_at(places_[result]);
  recount(nodes_[leaf]);
  propagate(leaf);
}

void RegionTree::change_all(const std::vector<double>& losses) {
  ++changes_;
  losses_ = losses;
  if (next_transform_ != none) return transform();
  for (std::size_t i = 0; i < losses_.size(); ++i) values_[i] = transform_(losses_[i]);
  renew();
}

void RegionTree::count(Node& leaf, std::size_t result) const {
  leaf.sum += values_[result];
  leaf.squares += values_[result] * values_[result];
  leaf.value = std::min(leaf.value, losses_[result]);
}

void RegionTree::recount(Node& leaf) const {
  leaf.sum = leaf.squares = 0;
  leaf.value = infinity;
  for (const std::size_t member : leaf.members) count(leaf, member);
  for (const Running& running : leaf.running) leaf.value = std::min(leaf.value, running.loss);
}

/// Carries what is new in a leaf up to the root.
void RegionTree::propagate(std::size_t leaf) {
  Node& own = nodes_[leaf];
  believe(own, leaf);
  for (std::size_t node = own.parent; node != none; node = nodes_[node].parent) update(nodes_[node]);
}

/// A node from its children: the least value, the least draws, who wins them, and the entropy by the chain
/// rule.
void RegionTree::update(Node& node) {
  const std::span<Node> children(nodes_.data() + node.first_child, node.children);
  std::vector<const std::vector<float>*> draws;
  for (const Node& child : children) draws.push_back(&child.draws);
  const std::vector<double> chances = winning_chances(draws);
  node.draws = least_draws(draws);
  node.value = infinity;
  std::vector<double> entropies, branchings;
  for (std::size_t c = 0; c < children.size(); ++c) {
    children[c].chance = chances[c];
    node.value = std::min(node.value, children[c].value);
    entropies.push_back(children[c].entropy);
    branchings.push_back(children[c].branching);
  }
  node.entropy = joined_entropy(chances, entropies);
  node.branching = joined_entropy(chances, branchings);
}

/// A leaf from its results: the least of as many more of their kind.
void RegionTree::believe(Node& leaf, std::size_t number) {
  // One more result than there are lies a standard deviation of all results from the mean.
  const double count = static_cast<double>(leaf.members.size());
  const double mean = count > 0 ? leaf.sum / count : 0;
  const double squares = std::max(0.0, leaf.squares - count * mean * mean) + 1;
  const double deviation = std::max(least_deviation, std::sqrt(squares / (count + 1)));
  Extreme least = Extreme::of_least(mean, deviation, imagined);
  if (leaf.value < infinity) least.location = std::min(least.location, transform_(leaf.value));
  leaf.draws = draws_of(least, derive_seed(draw_key_, number));
  leaf.entropy = leaf.log_volume;
  leaf.branching = 0;
}

void RegionTree::begin(const Config& config) {
  space::UnitPoint place = place_of(space_, config);
  const std::size_t leaf = leaf_at(place);
  nodes_[leaf].running.push_back({std::move(place)});
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) ++nodes_[node].in_flight;
}

std::size_t RegionTree::running_at(const Node& leaf, std::span<const double> place) const {
  const auto found = std::ranges::find_if(
      leaf.running, [&](const Running& running) { return same_config(running.place, place); });
  require(found != leaf.running.end(), "a trial reports or ends that has not begun");
  return static_cast<std::size_t>(found - leaf.running.begin());
}

void RegionTree::report(const Config& config, double loss) {
  const space::UnitPoint place = place_of(space_, config);
  const std::size_t leaf = leaf_at(place);
  nodes_[leaf].running[running_at(nodes_[leaf], place)].loss = loss;
  if (losses_.empty()) return;
  recount(nodes_[leaf]);
  propagate(leaf);
}

void RegionTree::end(const Config& config) {
  const space::UnitPoint place = place_of(space_, config);
  const std::size_t leaf = leaf_at(place);
  std::vector<Running>& running = nodes_[leaf].running;
  const auto ended = running.begin() + static_cast<std::ptrdiff_t>(running_at(nodes_[leaf], place));
  const bool reported = std::isfinite(ended->loss);
  running.erase(ended);
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) --nodes_[node].in_flight;
  if (!reported || losses_.empty()) return;
  recount(nodes_[leaf]);
  propagate(leaf);
}

/// Begins again with the transform of all losses.
void RegionTree::transform() {
  next_transform_ =
      std::max(losses_.size() + 1,
               static_cast<std::size_t>(static_cast<double>(losses_.size()) * (1 + transform_growth)));
  transform_by(losses_);
}

void RegionTree::transform_by(const std::vector<double>& losses) {
  const auto [best, worst] = std::ranges::minmax(losses);
  transform_ = OutputTransform(OutputTransform::Kind::HalfRank, losses);
  if (transform_(worst) == transform_(best))  // most results are equally good
    transform_ = OutputTransform(OutputTransform::Kind::Standard, losses);
  spread_ = transform_(worst) > transform_(best) ? transform_(worst) - transform_(best) : 1;
  for (std::size_t i = 0; i < losses_.size(); ++i) values_[i] = transform_(losses_[i]);
  renew();
}

/// All nodes from the values of all results.
void RegionTree::renew() {
  // Children stand behind their parents, so that this order is from the leaves to the root.
  for (std::size_t node = nodes_.size(); node-- > 0;) {
    Node& each = nodes_[node];
    if (each.children > 0) {
      update(each);
    } else if (!each.elsewhere) {
      recount(each);
      believe(each, node);
    }
  }
}

// Parts of a larger tree.

void RegionTree::scale(const std::vector<double>& losses) {
  next_transform_ = none;
  best_elsewhere_ = losses.front();
  transform_by(losses);
}

void RegionTree::add_outside(const Config& config, double loss) {
  outside_.push_back(losses_.size());
  places_.push_back(place_of(space_, config));
  losses_.push_back(loss);
  values_.push_back(0);
}

RegionTree::Summary RegionTree::summary() const {
  const Node& root = nodes_.front();
  return {root.visits,       root.in_flight, root.value,
          root.entropy,      root.branching, nodes_[best_leaf()].depth,
          root.children > 0, root.draws};
}

void RegionTree::summarise(std::size_t leaf, const Summary& summary) {
  Node& own = nodes_[leaf];
  const std::size_t visits = own.visits, in_flight = own.in_flight;
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) {
    nodes_[node].visits += summary.visits - visits;
    nodes_[node].in_flight += summary.in_flight - in_flight;
  }
  own.elsewhere = true;
  own.value = summary.value;
  own.entropy = summary.entropy;
  own.branching = summary.branching;
  own.draws = summary.draws;
  for (std::size_t node = own.parent; node != none; node = nodes_[node].parent) update(nodes_[node]);
}

void RegionTree::count_running(std::size_t leaf, bool more) {
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent)
    nodes_[node].in_flight += more ? 1 : -1;
}

std::size_t RegionTree::divide(std::size_t leaf, const Split& split) {
  const std::size_t first = nodes_.size();
  add_children(leaf, split);
  for (std::size_t child = first; child < nodes_.size(); ++child) {
    believe(nodes_[child], child);
    nodes_[child].elsewhere = true;
  }
  nodes_[leaf].elsewhere = false;
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) {
    // What ran and was known below the leaf comes again with the summaries of its children.
    nodes_[node].visits -= node == leaf ? 0 : nodes_[leaf].visits;
    nodes_[node].in_flight -= node == leaf ? 0 : nodes_[leaf].in_flight;
  }
  nodes_[leaf].visits = nodes_[leaf].in_flight = 0;
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) update(nodes_[node]);
  return first;
}

// Expansion.

/// Progressive widening: the tree has one leaf for each half of a leaf's results.
bool RegionTree::may_split(const Node& leaf) const {
  const std::size_t most = 1 + 2 * nodes_.front().visits / split_size_;
  return leaf.members.size() >= leaf.next_split && leaves_ < most && leaf.depth < options_.max_height;
}

void RegionTree::expand(std::size_t leaf) {
  const std::vector<std::size_t> members = nodes_[leaf].members;
  const auto split = find_split(space_, nodes_[leaf].part, {&places_, &values_, &members},
                                static_cast<std::size_t>(options_.children));
  if (!split) {
    nodes_[leaf].next_split =
        static_cast<std::size_t>(retry_growth * static_cast<double>(members.size())) + 1;
    return;
  }
  const std::size_t first = nodes_.size();
  add_children(leaf, *split);
  for (const std::size_t member : members) {
    const std::size_t child = first + split->child(places_[member]);
    nodes_[child].members.push_back(member);
    nodes_[child].born = ++nodes_[child].visits;
  }
  for (Running& running : nodes_[leaf].running) {
    Node& child = nodes_[first + split->child(running.place)];
    child.running.push_back(std::move(running));
    ++child.in_flight;
  }
  for (std::size_t child = first; child < nodes_.size(); ++child) {
    recount(nodes_[child]);
    believe(nodes_[child], child);
  }
  nodes_[leaf].members.clear();
  nodes_[leaf].running.clear();
  for (std::size_t above = leaf; above != none; above = nodes_[above].parent) update(nodes_[above]);
}

void RegionTree::add_children(std::size_t leaf, const Split& split) {
  const std::size_t first = nodes_.size();
  for (std::size_t c = 0; c < split.children(); ++c) {
    const Node& parent = nodes_[leaf];
    Node child{.parent = leaf, .depth = parent.depth + 1, .part = parent.part.child(split, c)};
    child.log_volume = parent.log_volume + std::log(split.shares[c]);
    child.next_split = split_size_;
    nodes_.push_back(std::move(child));
  }
  Node& node = nodes_[leaf];
  node.split = split;
  node.first_child = first;
  node.children = split.children();
  leaves_ += node.children - 1;
}

// Selection.

std::size_t RegionTree::choose(double uniform) const {
  const bool many = nodes_.front().in_flight >= many_running;
  const bool draws = options_.selection == "draw" || (options_.selection == "auto" && many);
  return draws ? draw(uniform) : select();
}

double RegionTree::score(const Node& child, const Node& parent) const {
  const double split = static_cast<double>(split_size_), visits = static_cast<double>(child.visits);
  const bool counted = options_.count_running;
  const double all = static_cast<double>(parent.visits + (counted ? parent.in_flight : 0));
  const double running = counted ? static_cast<double>(child.in_flight) : 0;
  const double value = child.value < infinity ? transform_(child.value) / spread_ : 0;
  const double uncertainty = child.chance * (1 + options_.entropy_weight * child.branching);
  return -value + options_.exploration * uncertainty * std::sqrt(split * all) / (1 + visits + running);
}

std::size_t RegionTree::select() const {
  std::size_t node = 0;
  while (nodes_[node].children > 0) {
    const Node& parent = nodes_[node];
    std::size_t best = parent.first_child;
    double most = -infinity;
    for (std::size_t c = parent.first_child; c < parent.first_child + parent.children; ++c)
      if (const double own = score(nodes_[c], parent); own > most) most = own, best = c;
    node = best;
  }
  return node;
}

std::size_t RegionTree::draw(double uniform) const {
  std::size_t node = 0;
  while (nodes_[node].children > 0) {
    std::size_t child = nodes_[node].first_child;
    const std::size_t last = child + nodes_[node].children - 1;
    while (child < last && uniform >= nodes_[child].chance) uniform -= nodes_[child++].chance;
    uniform = std::clamp(uniform / nodes_[child].chance, 0.0, 1 - 0x1p-53);
    node = child;
  }
  return node;
}

template <class Visit>
void RegionTree::visit_leaves(std::size_t node, Visit visit) const {
  const Node& own = nodes_[node];
  if (own.children == 0) return visit(own);
  for (std::size_t c = 0; c < own.children; ++c) visit_leaves(own.first_child + c, visit);
}

std::vector<std::size_t> RegionTree::around(std::size_t leaf, std::size_t least, std::size_t count) const {
  std::vector<std::size_t> results;
  for (std::size_t node = leaf; node != none; node = nodes_[node].parent) {
    if (nodes_[node].visits < std::min(least, count) && nodes_[node].parent != none) continue;
    results.clear();
    visit_leaves(node, [&](const Node& each) {
      std::ranges::copy_if(each.members, std::back_inserter(results),
                           [&](std::size_t i) { return i < count; });
    });
    if (results.size() >= least) return results;
  }
  std::ranges::copy_if(outside_, std::back_inserter(results), [&](std::size_t i) { return i < count; });
  return results;
}

std::vector<space::UnitPoint> RegionTree::running_around(std::size_t leaf, std::size_t least) const {
  std::size_t node = leaf;
  while (nodes_[node].in_flight < least && nodes_[node].parent != none) node = nodes_[node].parent;
  std::vector<space::UnitPoint> places;
  visit_leaves(node, [&](const Node& each) {
    for (const Running& running : each.running) places.push_back(running.place);
  });
  return places;
}

double RegionTree::probability(std::size_t node) const {
  double probability = 1;
  for (; nodes_[node].parent != none; node = nodes_[node].parent) probability *= nodes_[node].chance;
  return probability;
}

// Termination.

bool RegionTree::complete() const {
  return !losses_.empty() && nodes_[best_leaf()].depth >= options_.max_height;
}

std::size_t RegionTree::best_leaf() const {
  std::size_t node = 0;
  while (nodes_[node].children > 0) {
    const auto children = std::span(nodes_).subspan(nodes_[node].first_child, nodes_[node].children);
    node = nodes_[node].first_child +
           static_cast<std::size_t>(std::ranges::min_element(children, {}, &Node::value) - children.begin());
  }
  return node;
}

}  // namespace regatta::search
