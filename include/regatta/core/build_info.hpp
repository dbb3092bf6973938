#pragma once

#include <string>

namespace regatta {

/// How this binary was made; every field is text for people.
struct BuildInfo {
  std::string version;        ///< "0.1.0"
  std::string git_commit;     ///< short hash, "+dirty" when the tree had changes, "unknown" outside a checkout
  std::string build_type;     ///< Release, Debug
  std::string compiler;       ///< "GNU 12.2.0"
  std::string flags;          ///< compiler flags
  std::string cuda_compiler;  ///< "NVIDIA 13.0.88" or "none"
  std::string cuda_architectures;
};

const BuildInfo& build_info();

/// Host name of this machine.
std::string host_name();

}  // namespace regatta
