#pragma once

#include <string>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// A page that shows a study in any browser, offline and without scripts: the report, the trials and the best
/// of them over time, the objective against each parameter, and for `ais` its tree, in which each node is as
/// wide as the volume of its part of the space. What is under the pointer says what it is.
std::string html_page(const log::Study& study);

}  // namespace regatta::report
