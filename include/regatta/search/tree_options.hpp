#pragma once

#include <string>

namespace regatta::search {

/// Options of the tree of `ais`; those of [search] with the same names.
struct TreeOptions {
  int children = 2;           ///< of a node
  int max_height = 40;        ///< of the tree: the search ends there
  int split = 0;              ///< results at which a leaf is split; 0: by the number of parameters
  double exploration = 0.5;   ///< weight of the chance of a node beside its value
  double entropy_weight = 0;  ///< of the entropy in that
  std::string selection =
      "auto";  ///< of leaves: by "score", or "draw": by their chances; auto: drawn while many trials run
  bool count_running = false;  ///< in scores running trials count as visits
  int controllers = 0;  ///< sub-controllers that have a share of the tree each; 0: the searcher has it whole
  int local_from = 1000;  ///< results from which on models are local to a part
};

}  // namespace regatta::search
