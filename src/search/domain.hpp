#pragma once

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "leaf_search.hpp"
#include "tree_messages.hpp"

namespace regatta::search {

/// A subtree and its models, as a sub-controller has it.
class Domain {
 public:
  /// @param scale  losses by which all transform theirs; empty: there are none yet
  Domain(const SearcherOptions& options, const space::Space& space, Subtree content,
         const std::vector<double>& scale);

  void take(const Observation& observation);
  void take(const AllLosses& all);
  void scale(const std::vector<double>& losses) { tree_.scale(losses); }
  /// A proposal, which runs from now on; none where there is nothing new.
  std::optional<Config> propose(TrialId number, Rule rule);

  /// How its root is cut, where it is.
  const Split& split() const { return tree_.nodes().front().split; }
  /// The children of its root, each with the results around it.
  /// @param first  number of the first one
  std::vector<Subtree> children(std::int32_t first) const;
  /// All that is known, to make such a domain elsewhere.
  Subtree content() const;
  const RegionTree& tree() const { return tree_; }

 private:
  using Running = std::multimap<std::uint64_t, Subtree::Running>;  ///< by hash of the configuration

  Running::iterator running_at(const Config& config);
  void add(const Subtree::Result& result);
  void begin(const Subtree::Running& running);
  std::size_t leaf_for(TrialId number) const;

  space::Space space_;
  SearcherOptions options_;
  std::int32_t domain_;
  RegionTree::Root root_;
  RegionTree tree_;
  LeafSearch leaves_;
  std::vector<Subtree::Result> results_;                  ///< as the tree numbers them
  std::unordered_map<std::int32_t, std::size_t> places_;  ///< of results, by their number among all
  Running running_;
  std::unordered_multiset<std::uint64_t> tried_;  ///< hashes of configurations
};

}  // namespace regatta::search
