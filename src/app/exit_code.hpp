#pragma once

#include <exception>
#include <string>

#include "regatta/core/error.hpp"

namespace regatta::app {

/// What the process ends with: README.md, "Exit codes".
enum ExitCode : int { finished = 0, runtime_error = 1, bad_input = 2, bad_environment = 3, no_trial_succeeded = 4 };

inline ExitCode exit_code_of(const std::exception& error) {
  if (dynamic_cast<const InvalidInput*>(&error)) return bad_input;
  if (dynamic_cast<const Unavailable*>(&error)) return bad_environment;
  return runtime_error;
}

/// What is shown to people: problems of an input as they are, one per line, everything else as an error of this program.
inline std::string complaint(const std::exception& error) {
  if (dynamic_cast<const InvalidInputs*>(&error)) return error.what();
  return concat("regatta: error: ", error.what());
}

}  // namespace regatta::app
