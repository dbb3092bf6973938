#pragma once

#include <string>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

enum class BestFormat { Ini, Json, Shell };

/// The best configuration of a study, for the next program.
///
/// Ini: an input file that trains this one configuration again: the study's own inputs with constants in
/// [space], one trial and a run directory of its own; where hyperparameters changed during the training, with
/// the schedule that its weights were trained with. Json: one object. Shell: `export
/// REGATTA_PARAM_<name>=<value>` lines to source. Parameters that are inactive are left out.
/// @throws InvalidInput  no trial has succeeded
std::string best_text(const log::Study& study, BestFormat format);

}  // namespace regatta::report
