#pragma once

#include <cstddef>
#include <string>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// The tree of a study of `ais`: the way to the best result, and the leaves in which the optimum lies most
/// probably, each with its visits, running trials, best value, probability and entropy. Empty for other
/// searchers.
std::string tree_text(const log::Study& study, std::size_t width);

}  // namespace regatta::report
