#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/search/history.hpp"
#include "regatta/search/tree_options.hpp"
#include "regatta/space/space.hpp"

namespace regatta::search {

/// A node of the tree of `ais`, for people and files.
struct TreeNode {
  std::int32_t parent = -1;  ///< place in the list, before this one; -1: this is the root
  std::int32_t depth = 0;
  std::int32_t children = 0;  ///< 0: a leaf
  std::int64_t visits = 0;    ///< results below it
  std::int64_t in_flight = 0;
  double value = not_a_number;  ///< best objective below it; NaN: none
  double probability = 1;       ///< that the optimum lies below it
  double entropy = 0;           ///< of the place of the optimum, given that it lies below this node [nat]
  double volume = 1;            ///< share of the space
  std::string part;             ///< what of its parent it is: "rate < 0.01", "optimizer is sgd or adam"
  std::string place;            ///< what of the space it is: "1e-04 <= rate < 0.01, optimizer is sgd"
};

/// The tree that follows from a history: the same that the searcher has. O(n log n).
std::vector<TreeNode> tree_nodes(const space::Space& space, const TreeOptions& options,
                                 const History& history);

/// The options of the tree that stand in the inputs of a study, as text of sections and `name = value` lines.
TreeOptions tree_options_in(std::string_view inputs);

}  // namespace regatta::search
