#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "../formulas.hpp"
#include "stream.hpp"
#include "wide_plan.hpp"

namespace regatta::device::cuda {

/// A lane that several blocks of threads train together.
struct PlannedWideLane {
  Lane lane;
  WidePlan plan;
  float* numbers;                          ///< as planned
  const formulas::UpdateFactors* factors;  ///< of each step; their norms are not used
  unsigned* arrivals;                      ///< 0
};

/// Whether such a lane can train this network at all.
bool fits_wide_lane(const Lane& lane);

/// How many blocks the device runs at once for several lanes; for one lane it is one per processor.
std::size_t wide_lane_blocks(std::size_t processors);

/// More of them than this would have nothing to do.
std::size_t useful_blocks(const Lane& lane, const WidePlan& plan);

/// @param lanes  on the device; so many blocks each run at once
/// @param exact  their products are those of single precision; else of numbers in tf32
void train_wide_lanes(const PlannedWideLane* lanes, std::size_t count, std::size_t blocks_per_lane,
                      bool exact, Stream& stream);

}  // namespace regatta::device::cuda
