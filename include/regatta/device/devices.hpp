#pragma once

#include <string>
#include <vector>

#include "regatta/core/error.hpp"

namespace regatta::device {

/// The device has not enough memory for a block.
struct OutOfDeviceMemory : Error { using Error::Error; };

struct DeviceInfo {
  int ordinal = 0;
  std::string name;
  std::string uuid;  ///< "GPU-xxxxxxxx-...."
  double memory = 0;  ///< [bytes]
};

/// GPUs that this process may use; empty without the CUDA module, a driver or a device. Never throws for their absence.
std::vector<DeviceInfo> cuda_devices();

/// Why cuda_devices() is empty, or the versions of runtime and driver: one sentence for the banner.
std::string cuda_status();

/// The BLAS in use: "OpenBLAS 0.3.21 core SkylakeX" or "none (plain loops)".
std::string blas_name();
/// A sentence when the BLAS core is older than this processor (a silent factor of 5), else empty.
std::string blas_warning();

}  // namespace regatta::device
