#pragma once

#include "drawing_searcher.hpp"

namespace regatta::search {

/// Independent points of the space's own distributions.
class RandomSearcher : public DrawingSearcher {
 public:
  using DrawingSearcher::DrawingSearcher;

 protected:
  std::optional<Config> own_point(TrialId, Random& random) override {
    return random_config(random, rejection_limit());
  }
};

}  // namespace regatta::search
