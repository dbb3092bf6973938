#pragma once

#include <optional>

#include "part.hpp"

namespace regatta::search {

/// Results in a part of a space.
struct PartResults {
  const std::vector<space::UnitPoint>* places = nullptr;  ///< of all results
  const std::vector<double>* values = nullptr;            ///< of all results
  const std::vector<std::size_t>* members = nullptr;      ///< those in the part
};

/// The cut that separates good results from bad ones best: the one that leaves the least variance of the
/// values in its children (as in regression trees: Breiman et al. 1984, Classification and regression trees,
/// chapter 8). A parameter that is active for some of the results and inactive for others is cut by that
/// first, so that a condition opens its own subtree; choices are cut between words in the order of their mean
/// values (the same book, 9.4).
///
/// A child has at least max(4, N / (2 children + 1)) of the results, and 15 to 85 % of the part's width.
/// @param children  2 or more; fewer come out where there are not enough results
/// @return none when no cut is possible
std::optional<Split> find_split(const space::Space& space, const Part& part, const PartResults& results,
                                std::size_t children);

}  // namespace regatta::search
