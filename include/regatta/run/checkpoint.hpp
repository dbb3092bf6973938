#pragma once

#include <cstdint>
#include <filesystem>

#include "regatta/core/id.hpp"

namespace regatta::run {

/// Where workers keep what paused trials need to go on.
struct CheckpointOptions {
  std::uint64_t memory = std::uint64_t{1} << 30;  ///< per rank, of whose lanes each has its share [bytes]
  std::filesystem::path local = {};               ///< folder for what does not fit there; empty: none
  std::filesystem::path directory =
      {};  ///< of the run's own checkpoints, for what has to outlive the job; empty: none
};

/// The file of one trial in the directory of the run's checkpoints.
std::filesystem::path checkpoint_file(const std::filesystem::path& directory, TrialId trial);

}  // namespace regatta::run
