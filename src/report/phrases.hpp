#pragma once

#include <string>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// "0.9731", "0.9731 +- 0.002" with a standard error, "nan".
std::string score_text(const search::Trial& trial);

/// "27 epochs in 3.2 s"
std::string effort_text(const search::Trial& trial);

/// "60: 55 completed, 3 stopped, 2 failed (1 diverged, 1 crash)"; states without trials are left out.
std::string counts_text(const search::History& history);

/// "3" or, in a study whose ranks have lanes, "3 lane 1"; "-" for a worker that is no rank.
std::string rank_text(const log::Study& study, const log::WorkerRow& worker);

/// "93.4 %"; "-" for NaN.
std::string percent(double share);

/// The directory as a user would type it, or "DIR" when the study was not read from one.
std::string directory_text(const log::Study& study);

/// `text` in single quotes where a shell would not take it as one plain word.
std::string shell_word(const std::string& text);

}  // namespace regatta::report
