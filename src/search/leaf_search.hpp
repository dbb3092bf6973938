#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ask.hpp"
#include "local_models.hpp"
#include "regatta/search/searcher.hpp"
#include "rule.hpp"

namespace regatta::search {

/// Proposals in the leaves of a tree, each by the model of its leaf.
class LeafSearch {
 public:
  struct Wish {
    TrialId number;  ///< of the proposal
    Rule rule;
    std::function<bool(const Config&)> seen;  ///< known or running configurations
    const Part* within = nullptr;             ///< nothing outside of it is proposed; null: everywhere
  };

  LeafSearch(const SearcherOptions& options, const space::Space& space);
  LeafSearch(const LeafSearch&) = delete;
  LeafSearch& operator=(const LeafSearch&) = delete;

  /// None where the leaf has nothing new.
  std::optional<Config> propose(const RegionTree& tree, std::size_t leaf, const Wish& wish);
  /// The largest expected improvement in a leaf [unit of the objective].
  double largest_improvement(const RegionTree& tree, std::size_t leaf, const Wish& wish);
  /// The results are others from now on.
  void clear() { models_.clear(); }

 private:
  template <class Use>
  auto ask(const RegionTree& tree, std::size_t leaf, const Wish& wish, Use use);
  Region region_of(const RegionTree& tree, std::size_t leaf, std::span<const double> scale,
                   const Wish& wish) const;
  std::vector<Config> pending_around(const RegionTree& tree, std::size_t leaf) const;

  space::Space space_;
  SearcherOptions options_;
  Surrogate surrogate_;  ///< without results: how configurations are embedded
  LocalModels models_;
};

}  // namespace regatta::search
