#pragma once

#include "arguments.hpp"
#include "study_inputs.hpp"

namespace regatta::app {

/// `regatta run INPUT`: the study itself, on all ranks of the job.
/// @return the exit code of this rank; what is wrong is said once, by rank 0 or the rank at fault
int run_command(const Arguments& arguments);

/// `regatta resume DIR`: goes on with the run of a directory that was interrupted or killed, or that has got more trials.
int resume_command(const Arguments& arguments);

/// The inputs of a run that goes on, whose directory is the operand: those it was started with, but for what may change from
/// job to job.
/// @throws InvalidInput  something else was changed
StudyInputs resumed_inputs(const Arguments& arguments);

}  // namespace regatta::app
