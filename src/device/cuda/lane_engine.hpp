#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "regatta/device/lanes.hpp"

namespace regatta::device::cuda {

/// @param ordinal  of the device, the calling thread's own
/// @param before   work on it comes before that of the lanes; outlives the engine
std::unique_ptr<LaneEngine> make_lane_engine(int ordinal, cudaStream_t before);

}  // namespace regatta::device::cuda
