#pragma once

#include <string>
#include <vector>

#include "support/process.hpp"

namespace regatta {

inline const std::string inputs = std::string(REGATTA_SOURCE_DIR) + "/inputs/";

/// Starts the real binary.
inline support::ProcessResult regatta(std::vector<std::string> words,
                                      const support::ProcessOptions& options = {}) {
  words.insert(words.begin(), REGATTA_BINARY);
  return support::run_process(words, options);
}

}  // namespace regatta
