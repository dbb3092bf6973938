#pragma once

#include <string>
#include <utility>
#include <vector>

#include "regatta/comm/session.hpp"
#include "regatta/run/study.hpp"
#include "study_inputs.hpp"

namespace regatta::app {

using Facts = std::vector<std::pair<std::string, std::string>>;

/// Versions of this program and of all that it was built with and runs on, for the log and the banner.
/// @param session  null without MPI
Facts software_facts(const comm::Session* session);

/// Start of the output: all that a support ticket asks for.
/// @param deadline  [s since the epoch], 0: none; `deadline_source` names who set it
std::string banner_text(const run::StudyPlan& plan, const run::JobFacts& job, const StudyInputs& inputs,
                        const std::string& deadline_source);

}  // namespace regatta::app
