#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "observed_tree.hpp"
#include "output_transform.hpp"
#include "regatta/search/tree_options.hpp"
#include "split_search.hpp"
#include "tournament.hpp"

namespace regatta::search {

/// A tree of the parts of a space. Its leaves are a partition of the space at all times. Losses: smaller is
/// better.
///
/// Each node knows how many results (visits) and running trials (in flight) lie below it, the best loss (its
/// value), with which probability the minimiser lies there, and the entropy of its location, which is the
/// tree's cost function: it is high as long as several parts may hold the minimum.
///
/// A result costs the way from its leaf to the root; splits and new transforms come at numbers of results
/// that grow geometrically.
class RegionTree final : public ObservedTree {
 public:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  /// A trial in flight.
  struct Running {
    space::UnitPoint place;
    double loss = std::numeric_limits<double>::infinity();  ///< reported last; infinity: nothing yet
  };

  struct Node {
    std::size_t parent = none, first_child = none;  ///< children stand next to each other
    std::size_t children = 0;                       ///< 0: a leaf
    int depth = 0;
    Part part;
    Split split = {};
    double log_volume = 0;                                   ///< ln of the share of the space
    std::size_t visits = 0;                                  ///< results below it
    std::size_t in_flight = 0;                               ///< running trials below it
    double value = std::numeric_limits<double>::infinity();  ///< the best loss below it
    double chance = 1;              ///< of the minimiser to lie here, given that it lies in the parent
    double entropy = 0;             ///< of the minimiser's location, given that it lies here [nat]
    double branching = 0;           ///< of the leaf in which it lies, given that it lies here [nat]
    std::vector<float> draws = {};  ///< of the least transformed loss
    double sum = 0, squares = 0;    ///< of the transformed losses of a leaf's results
    std::vector<std::size_t> members = {};  ///< results, of a leaf
    std::vector<Running> running = {};      ///< of a leaf
    std::size_t born = 0;                   ///< members with which it came to be
    std::size_t next_split = 0;             ///< members at which a leaf is split, if it can be
    bool elsewhere = false;                 ///< stands for a tree of its own, by its summary
  };

  /// Where a tree begins that is a part of a larger one.
  struct Root {
    Part part;
    double log_volume = 0;
    int depth = 0;
    std::int32_t key = 0;  ///< draws of trees with different keys are independent
  };

  /// What a tree says of itself to the one that it is a part of.
  struct Summary {
    std::uint64_t visits = 0, in_flight = 0;
    double value = std::numeric_limits<double>::infinity();
    double entropy = 0, branching = 0;
    std::int32_t height = 0;  ///< depth of the leaf of the best result
    bool has_children = false;
    std::vector<float> draws = {};
  };

  RegionTree(const space::Space& space, const TreeOptions& options)
      : RegionTree(space, options, Root{Part(space)}) {}
  RegionTree(const space::Space& space, const TreeOptions& options, Root root);

  // Parts of a larger tree.

  /// Losses are transformed as if these were all from now on; `losses` ascending. Its best counts as best().
  void scale(const std::vector<double>& losses);
  /// A result outside of this tree, for models of its leaves only.
  void add_outside(const Config& config, double loss);
  Summary summary() const;
  /// A leaf stands for a tree elsewhere.
  void summarise(std::size_t leaf, const Summary& summary);
  /// One trial more or less runs below a leaf that stands for a tree elsewhere.
  void count_running(std::size_t leaf, bool more);
  /// Cuts a leaf into leaves that stand for trees elsewhere.
  /// @return the first of them
  std::size_t divide(std::size_t leaf, const Split& split);

  // Back-propagation.

  /// Takes a result, and splits its leaf where it is time.
  void add(const Config& config, double loss) override;
  void change(std::size_t result, double loss) override;
  void change_all(const std::vector<double>& losses) override;
  void begin(const Config& config) override;
  /// Its leaf and those above know it, but nothing is split by it.
  void report(const Config& config, double loss) override;
  void end(const Config& config) override;

  // Selection.

  /// The leaf where the next trial shall be, as TreeOptions::selection says.
  /// @param uniform  in [0, 1)
  std::size_t choose(double uniform) const;
  /// From the root always the child with the highest score.
  std::size_t select() const;
  /// What select() compares; higher is better.
  double score(const Node& child, const Node& parent) const;
  /// A leaf drawn by the chances of all leaves.
  /// @param uniform  in [0, 1)
  std::size_t draw(double uniform) const;

  // Termination.

  /// The leaf of the best result lies at the maximum height.
  bool complete() const;

  const std::vector<Node>& nodes() const { return nodes_; }
  std::size_t leaf_of(const Config& config) const;
  std::size_t leaves() const { return leaves_; }
  std::size_t size() const { return losses_.size(); }
  /// How often losses of results have changed.
  std::size_t changes() const { return changes_; }
  /// Of the minimiser's location [nat]; exp of it is the part of the space in which it may still lie.
  double entropy() const { return nodes_.front().entropy; }
  /// Probability that the minimiser lies below a node.
  double probability(std::size_t node) const;
  /// The results below the lowest node above a leaf that has `least` of the first `count` results; those
  /// only.
  std::vector<std::size_t> around(std::size_t leaf, std::size_t least, std::size_t count) const;
  /// The same of running trials.
  std::vector<space::UnitPoint> running_around(std::size_t leaf, std::size_t least) const;
  /// The leaf of the best result.
  std::size_t best_leaf() const;
  const std::vector<space::UnitPoint>& places() const { return places_; }
  const std::vector<double>& losses() const { return losses_; }
  /// The best loss of all.
  double best() const { return std::min(best_elsewhere_, nodes_.front().value); }

 private:
  void propagate(std::size_t leaf);
  void update(Node& node);
  void believe(Node& leaf, std::size_t number);
  void transform();
  void transform_by(const std::vector<double>& losses);
  void renew();
  void add_children(std::size_t leaf, const Split& split);
  bool may_split(const Node& leaf) const;
  void expand(std::size_t leaf);
  void count(Node& leaf, std::size_t result) const;
  void recount(Node& leaf) const;
  std::size_t running_at(const Node& leaf, std::span<const double> place) const;
  std::size_t leaf_at(std::span<const double> place) const;
  template <class Visit>
  void visit_leaves(std::size_t node, Visit visit) const;

  space::Space space_;
  TreeOptions options_;
  std::size_t split_size_;  ///< results at which a leaf is split
  std::vector<Node> nodes_;
  std::size_t leaves_ = 1;
  std::vector<space::UnitPoint> places_;
  std::vector<double> losses_, values_;  ///< by result; values are transformed losses
  OutputTransform transform_;
  std::vector<std::size_t> outside_;  ///< results
  double best_elsewhere_ = std::numeric_limits<double>::infinity();
  double spread_ = 1;  ///< of all transformed losses
  std::uint64_t draw_key_;
  std::size_t next_transform_ = 1, changes_ = 0;
};

}  // namespace regatta::search
