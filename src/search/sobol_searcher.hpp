#pragma once

#include <vector>

#include "drawing_searcher.hpp"
#include "regatta/search/sobol_sequence.hpp"

namespace regatta::search {

/// Points that fill the space evenly: trial n takes the n-th feasible point of the scrambled Sobol sequence.
class SobolSearcher : public DrawingSearcher {
 public:
  /// @throws InvalidInput  for more parameters than the sequence has dimensions
  SobolSearcher(const SearcherOptions& options, space::Space space);

 protected:
  std::optional<Config> own_point(TrialId trial, Random& random) override;

 private:
  Config config_at(std::uint64_t index);

  SobolSequence sequence_;
  space::UnitPoint point_;  ///< scratch
  std::vector<std::uint64_t>
      feasible_;                  ///< indices of the first feasible points, in a space with constraints
  std::uint64_t next_index_ = 0;  ///< the first that has not been looked at
  bool gave_up_ = false;          ///< too many infeasible points follow
};

}  // namespace regatta::search
