#pragma once

#include <cstddef>
#include <string>

#include "regatta/log/study_reader.hpp"

/// What people look at. No line of the tables is wider than 100 characters; there are no colours.
namespace regatta::report {

/// How a study stands: state, counts, pace, best trial, workers and when each was last heard of. Tells a
/// study that was killed from one that runs.
/// @param now  [s since the epoch]
std::string status_text(const log::Study& study, double now);

/// Tables: facts, states, the best trials with their parameters, what the searcher promised, utilisation by
/// worker, where time went.
std::string report_text(const log::Study& study, std::size_t best_trials = 10);

/// The end of a run: why it ended, trials by state, the best configuration and how to train it again,
/// utilisation, where time went, where the results lie.
std::string summary_text(const log::Study& study);

}  // namespace regatta::report
