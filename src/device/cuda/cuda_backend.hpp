#pragma once

#include <memory>

#include "regatta/device/backend.hpp"

namespace regatta::device::cuda {

/// @throws SystemFailure, OutOfDeviceMemory
std::unique_ptr<Backend> make_backend(int ordinal);

}  // namespace regatta::device::cuda
