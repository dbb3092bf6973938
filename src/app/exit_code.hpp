#pragma once

#include <exception>

#include "regatta/core/error.hpp"

namespace regatta::app {

/// What the process ends with: README.md, "Exit codes".
enum ExitCode : int { finished = 0, runtime_error = 1, bad_input = 2, bad_environment = 3, no_trial_succeeded = 4 };

inline ExitCode exit_code_of(const std::exception& error) {
  if (dynamic_cast<const InvalidInput*>(&error)) return bad_input;
  if (dynamic_cast<const Unavailable*>(&error)) return bad_environment;
  return runtime_error;
}

}  // namespace regatta::app
