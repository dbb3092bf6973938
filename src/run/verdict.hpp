#pragma once

#include <exception>
#include <string>

#include "regatta/objective/objective.hpp"
#include "regatta/run/messages.hpp"

namespace regatta::run {

/// What becomes of a trial after a piece of work; Running: it goes on.
struct Verdict {
  search::TrialState state = search::TrialState::Running;
  search::Reason reason = search::Reason::None;
  std::string message = {};
  std::int32_t exit_code = 0;
};

/// After an epoch. @param until_epoch  where the trial pauses; 0: at its end
Verdict verdict_on(const objective::Progress& progress, std::int32_t until_epoch);

/// After an exception of the trial: it has failed.
Verdict verdict_on(const std::exception& error);

/// Takes over into the trial's report what it has reached.
void fill(Report& report, const objective::Progress& progress);
/// How the trial ends, with a message of bounded length.
void fill(Report& report, const Verdict& verdict);

}  // namespace regatta::run
