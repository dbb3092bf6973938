#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "regatta/space/space.hpp"

namespace regatta::run {

/// The configurations that `regatta enqueue` has added to a run directory, one JSON object per line of enqueue.jsonl.
class EnqueuedTrials {
 public:
  EnqueuedTrials(std::filesystem::path directory, space::Space space);

  /// Whole lines that came since the last call; what does not fit the space goes to `complaints`.
  std::vector<space::Config> take(std::vector<std::string>& complaints);

 private:
  space::Config read(const std::string& line) const;

  std::filesystem::path file_;
  space::Space space_;
  std::uint64_t read_bytes_ = 0;
};

}  // namespace regatta::run
