#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "regatta/search/history.hpp"
#include "region_tree.hpp"

namespace regatta::search {

/// The tree of a study: follows a history. It is a function of the results in their order and of the trials
/// that run, whenever it was brought up to date before.
///
/// Failed trials count with the worst loss before them; cancelled and lost ones do not count. A running trial
/// that has reported counts as running, but its loss so far is known to its leaf.
class StudyTree {
 public:
  StudyTree(const space::Space& space, const TreeOptions& options)
      : space_(space), options_(options), tree_(space, options) {}

  /// Takes what has begun, reported and ended since the last call: O(log n) each, and O(1) for each running
  /// trial. Begins anew when `history` does not go on from what was seen.
  /// @return false when it began anew
  bool update(const History& history);
  const RegionTree& tree() const { return tree_; }
  /// Proposals made ahead run, too.
  void begin(const std::vector<Config>& ahead);
  void end(const std::vector<Config>& ahead);

 private:
  struct Ended {
    TrialId trial;
    double objective;
    std::uint64_t config;  ///< its hash
  };
  bool goes_on(const History& history) const;
  void take(const History& history, const Trial& trial);

  space::Space space_;
  TreeOptions options_;
  RegionTree tree_;
  std::vector<Ended> ended_;                 ///< trials in the order in which they ended
  std::size_t begun_ = 0;                    ///< trials seen
  std::map<TrialId, std::int32_t> running_;  ///< with the epochs reported so far
};

}  // namespace regatta::search
