#include "cuda_loader.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <system_error>

#include "regatta/core/error.hpp"

namespace regatta::device {
namespace {

namespace fs = std::filesystem;

constexpr const char* module_name = "regatta_cuda.so";

/// Empty where the driver's library can be loaded; the module needs it and costs much more to load.
std::string missing_driver() {
  if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) return "";
  return concat("this machine has no NVIDIA driver (", dlerror(), ")");
}

fs::path executable_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

LoadedCuda failure(const std::string& reason) { return {nullptr, reason}; }

/// The cure belongs to libraries that the module needs, cuBLAS above all; the module itself was found.
std::string load_failure(const fs::path& file, const std::string& reason) {
  const bool lacks_library =
      reason.find("cannot open shared object file") != std::string::npos && !reason.starts_with(file.string());
  return concat("the CUDA module ", file.string(), " cannot be loaded: ", reason,
                lacks_library ? "; load the CUDA environment module or add CUDA's lib64 folder to LD_LIBRARY_PATH" : "");
}

LoadedCuda open_module(const fs::path& file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return failure(load_failure(file, dlerror()));
  const auto entry = reinterpret_cast<decltype(&regatta_cuda_module)>(dlsym(library, "regatta_cuda_module"));
  if (!entry) return failure(concat(file.string(), " is not a CUDA module of Regatta"));
  const CudaModule* table = entry();
  if (table->abi != cuda_module_abi)
    return failure(concat("the CUDA module ", file.string(), " belongs to another build of Regatta (interface ", table->abi,
                          ", this program needs ", cuda_module_abi, "): build and install both together"));
  return {table, ""};
}

LoadedCuda find_module() {
  if (const std::string reason = missing_driver(); !reason.empty()) return failure(reason);
  const fs::path beside = executable_folder(), installed = (beside / "../lib/regatta").lexically_normal();
  for (const fs::path& folder : {beside, installed}) {
    std::error_code ignored;
    if (fs::exists(folder / module_name, ignored)) return open_module(folder / module_name);
  }
  return failure(concat("this Regatta has no CUDA module: ", module_name, " is neither in ", beside.string(), " nor in ",
                        installed.string(), " (build it where nvcc is found, with REGATTA_CUDA=ON)"));
}

}  // namespace

LoadedCuda load_cuda_module(const fs::path& named) {
  // A bare file name would be looked up in the system's library folders.
  return named.empty() ? find_module() : open_module(fs::absolute(named));
}

const LoadedCuda& cuda_module() {
  static const LoadedCuda loaded = [] {
    const char* named = std::getenv("REGATTA_CUDA_MODULE");
    return load_cuda_module(named ? named : "");
  }();
  return loaded;
}

}  // namespace regatta::device
