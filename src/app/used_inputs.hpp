#pragma once

#include <map>
#include <string>
#include <vector>

#include "option_values.hpp"
#include "study_inputs.hpp"

namespace regatta::app {

/// The options in force of every section that has options, by section.
using ValuesBySection = std::map<std::string, OptionValues>;

/// Everything in force as the text of an input file: it gives the same study again from any folder. Comments
/// name what the input file does not say itself. Trials of an initial file stand there as [trial] sections.
/// @param brought  the definitions of [space] come from the objective
std::string used_inputs_text(const StudyInputs& inputs, const ValuesBySection& values, bool brought);

/// What must be the same for results of several jobs to belong to one study: the space, the objective (of
/// files their names only), metric, direction, seed, searcher and scheduler.
std::string fingerprint_of(const StudyInputs& inputs, const ValuesBySection& values);

}  // namespace regatta::app
