#pragma once

#include <exception>
#include <string_view>

#include "regatta/core/error.hpp"

namespace regatta::train {

/// What went wrong for the leader of a node while it filled shared memory. It lies in that memory, zeroed before, for the
/// others wait in the same collective calls.
struct LeaderProblem {
  char problem[4096];
  bool system_failure;

  void note(const std::exception& error) {
    const std::string_view text = error.what();
    text.copy(problem, sizeof(problem) - 1);
    system_failure = dynamic_cast<const InvalidInput*>(&error) == nullptr;
  }

  /// On every rank, after publish().
  void rethrow() const {
    if (problem[0] == '\0') return;
    if (system_failure) throw SystemFailure(problem);
    throw InvalidInput(problem);
  }
};

}  // namespace regatta::train
