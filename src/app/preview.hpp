#pragma once

#include <cstdint>
#include <string>

#include "study_inputs.hpp"

namespace regatta::app {

/// How far how many trials would train under the study's scheduler, and how long that takes, for people: a
/// simulation with made-up learning curves, which come down as 1/epoch and seldom cross.
/// @param epochs         of a full training
/// @param epoch_seconds  of an epoch on one worker [s]
/// @throws InvalidInput  neither a number of trials nor a walltime bounds the study
std::string preview_text(const StudyInputs& inputs, std::int32_t epochs, std::int32_t workers,
                         double epoch_seconds);

}  // namespace regatta::app
