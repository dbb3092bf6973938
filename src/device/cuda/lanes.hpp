#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "lane_plan.hpp"
#include "stream.hpp"

namespace regatta::device::cuda {

/// Threads of a block, which trains one lane.
constexpr unsigned lane_threads = 256;

/// A lane and where its numbers lie.
struct PlannedLane {
  Lane lane;
  LanePlan plan;
};

/// Tells CUDA that blocks may take so much shared memory [bytes].
void allow_lanes(std::size_t shared_bytes);

/// One block per lane.
/// @param lanes         on the device, as are their rates
/// @param count         at least 1
/// @param shared_bytes  at least what each plan takes
void train_lanes(const PlannedLane* lanes, std::size_t count, std::size_t shared_bytes, Stream& stream);

}  // namespace regatta::device::cuda
