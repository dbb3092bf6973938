#pragma once

#include "arguments.hpp"

namespace regatta::app {

/// `regatta run INPUT`: the study itself, on all ranks of the job.
/// @return the exit code of this rank; what is wrong is said once, by rank 0 or the rank at fault
int run_command(const Arguments& arguments);

}  // namespace regatta::app
