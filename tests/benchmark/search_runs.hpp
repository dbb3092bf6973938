#pragma once

#include <cstdint>
#include <vector>

#include "search_cases.hpp"

namespace regatta::benchmark {

/// What one seed has given.
struct Outcome {
  std::vector<double> best;     ///< Case::measured of the best trial after each evaluation
  double found = 0;             ///< evaluations until the optimum, infinite if never
  double proposal_seconds = 0;  ///< CPU time per proposal, mean [s]
  double seconds = 0;           ///< CPU time of all [s]
};

/// A whole study in virtual time.
Outcome run_case(const Case& problem, const Contender& contender, std::uint64_t seed);

/// The outcomes of one case and one contender, by seed from the first one.
struct Cell {
  const Case* problem = nullptr;
  const Contender* contender = nullptr;
  std::vector<Outcome> outcomes;

  /// By seed; infinite where no trial had a result yet.
  std::vector<double> after(int evaluations) const;
  std::vector<double> found() const;
  double proposal_seconds() const;  ///< median of the seeds [s]
};

struct Effort {
  int seeds = 20;
  int threads = 1;
  int first_seed = 1;
};

/// All cases with all contenders, spread over threads; tells on standard error how far it is.
std::vector<Cell> run_cases(const std::vector<Case>& cases, const std::vector<Contender>& contenders,
                            const Effort& effort);

}  // namespace regatta::benchmark
