#pragma once

#include <vector>

#include "region_tree.hpp"
#include "study_fold.hpp"

namespace regatta::search {

/// The tree of a study: follows a history.
class StudyTree {
 public:
  StudyTree(const space::Space& space, const TreeOptions& options)
      : space_(space), options_(options), tree_(space, options) {}

  /// Takes what has happened since the last call; begins anew when `history` does not go on from what was
  /// seen.
  /// @return false when it began anew
  bool update(const History& history);
  const RegionTree& tree() const { return tree_; }
  /// Proposals made ahead run, too.
  void begin(const std::vector<Config>& ahead);
  void end(const std::vector<Config>& ahead);

 private:
  space::Space space_;
  TreeOptions options_;
  RegionTree tree_;
  StudyFold fold_;
};

}  // namespace regatta::search
