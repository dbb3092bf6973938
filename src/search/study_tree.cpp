#include "study_tree.hpp"

namespace regatta::search {

void StudyTree::begin(const std::vector<Config>& ahead) {
  for (const Config& config : ahead) tree_.begin(config);
}

void StudyTree::end(const std::vector<Config>& ahead) {
  for (const Config& config : ahead) tree_.end(config);
}

bool StudyTree::update(const History& history) {
  const bool same = fold_.goes_on(history);
  if (!same) *this = StudyTree(space_, options_);
  fold_.tell(history, tree_);
  return same;
}

}  // namespace regatta::search
