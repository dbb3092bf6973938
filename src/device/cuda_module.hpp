#pragma once

#include <cstdint>

#include "regatta/device/backend.hpp"
#include "regatta/device/evidence.hpp"

// What regatta_cuda.so offers to the program that loads it. CUDA is a module because a plain link costs every process a
// quarter of a gigabyte, and because one program must start where there is no CUDA.
namespace regatta::device {

/// Raise it with every change of this table, of backend.hpp, device_team.hpp or evidence.hpp: a module of another number is refused.
constexpr std::int32_t cuda_module_abi = 7;

struct CudaModuleDevice {
  char name[256];
  char uuid[48];  ///< "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
  double memory;  ///< [bytes]
};

/// No function throws. After a failure, failure() tells the calling thread why.
struct CudaModule {
  std::int32_t abi;
  int (*device_count)();                                      ///< 0 is a failure
  bool (*device)(int ordinal, CudaModuleDevice* description);  ///< false: failure
  Backend* (*create)(int ordinal);                            ///< owned by the caller (delete); null: failure
  EvidenceSolver* (*create_evidence_solver)(int ordinal);     ///< as create
  const char* (*versions)();                                  ///< "CUDA runtime 13.0, driver 13.0"
  const char* (*failure)();
};

}  // namespace regatta::device

extern "C" {
/// The only symbol of the module.
[[gnu::visibility("default")]] const regatta::device::CudaModule* regatta_cuda_module();
}
