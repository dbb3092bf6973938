#pragma once

#include <filesystem>
#include <string>

#include "cuda_module.hpp"

namespace regatta::device {

/// The module's table, or the sentence that says why there is none.
struct LoadedCuda {
  const CudaModule* table = nullptr;
  std::string reason;
};

/// Loads the module and never unloads it.
/// @param named  the file to load; empty: regatta_cuda.so in the folder of the executable or in ../lib/regatta beside it,
///               and only on a machine with an NVIDIA driver, since loading it costs 0.1 s and 260 MB
LoadedCuda load_cuda_module(const std::filesystem::path& named);

/// The module of this process, loaded on the first call; the environment variable REGATTA_CUDA_MODULE names another file.
const LoadedCuda& cuda_module();

}  // namespace regatta::device
