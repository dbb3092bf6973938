#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "regatta/search/history.hpp"
#include "regatta/space/space.hpp"

namespace regatta::report {

/// How far a study is.
struct Progress {
  std::size_t done = 0;  ///< trials in a final state
  std::size_t running = 0;
  std::size_t failed = 0;   ///< of the done ones
  std::int64_t budget = 0;  ///< trials; 0: none
  std::optional<TrialId> best;
  double best_objective = search::not_a_number;
  double trials_per_minute = 0;
  double eta = search::not_a_number;  ///< [s] until the budget is spent; NaN: not known
};

/// @param seconds      since this job started
/// @param done_before  trials in a final state when it started
Progress progress_of(const search::History& history, std::int64_t budget, double seconds,
                     std::size_t done_before = 0);

/// "45/60 done, 4 running, 2 failed | best 0.9731 (trial 12) | 33.4 trials/min | ETA 27 s"
std::string progress_line(const Progress& progress);

/// One line for a trial that has just ended: when, how, how good, with which parameters, and which is the
/// best so far.
std::string trial_line(const search::StudyHeader& header, const space::Space& space,
                       const search::History& history, const search::Trial& trial);

/// What a failed trial's message says beyond the line above, indented: the last lines of its program. Empty where there is no
/// more.
std::string failure_lines(const search::Trial& trial);

}  // namespace regatta::report
