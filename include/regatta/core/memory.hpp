#pragma once

#include <cstddef>
#include <filesystem>

namespace regatta {

/// Memory of this process's computer, or of the control groups that it runs in where these have less: the
/// kernel kills who goes beyond either. Infinite where the system does not tell [bytes].
struct SystemMemory {
  double installed;
  double available;  ///< without swapping; what was read from files and is not in use counts
};

/// @param root  holds the folders proc and sys/fs/cgroup that are read (versions 1 and 2 of control groups)
SystemMemory system_memory(const std::filesystem::path& root = "/");

/// Whether a block of this many bytes can be taken without swapping. The system promises more memory than it
/// has and kills who uses it, so large blocks are to be checked beforehand; small ones always fit.
bool fits_memory(std::size_t bytes);

}  // namespace regatta
