#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// What a searcher expected of some trials, and what came of them. Gains are over the incumbent at the
/// creation of each trial, in the unit of the objective; a trial that was no better gained 0.
struct Calibration {
  std::string trials;  ///< which, for people
  std::size_t count = 0;
  double promised = search::not_a_number;  ///< mean
  double realised = search::not_a_number;  ///< mean
  std::size_t improved = 0;                ///< trials that gained something
};

/// All final trials with a promise and an incumbent; when there are 8 or more then also each quarter of them
/// by their promise, the least first. Empty without such trials.
std::vector<Calibration> calibration_of(const log::Study& study);

/// The same as a table under a title; empty without such trials.
std::string calibration_text(const log::Study& study, std::size_t width);

}  // namespace regatta::report
