#pragma once

#include <memory>

#include "regatta/device/evidence.hpp"

namespace regatta::device::cuda {

/// @throws SystemFailure, OutOfDeviceMemory
std::unique_ptr<EvidenceSolver> make_evidence_solver(int ordinal);

}  // namespace regatta::device::cuda
