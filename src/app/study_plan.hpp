#pragma once

#include "arguments.hpp"
#include "regatta/comm/session.hpp"
#include "regatta/run/study.hpp"
#include "study_inputs.hpp"

namespace regatta::app {

/// The plan of a job, without a deadline.
/// @param session  null without MPI
/// @throws InvalidInput  the objective cannot be made
run::StudyPlan make_plan(const StudyInputs& inputs, const Arguments& arguments, const comm::Launch& launch,
                         const comm::Session* session);

}  // namespace regatta::app
