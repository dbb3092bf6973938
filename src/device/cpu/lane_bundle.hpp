#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "regatta/device/lanes.hpp"

namespace regatta::device {

/// Trains lanes side by side, each in its element of all vectors, so that an instruction does the same for
/// all of them: lane l's number k lies at [k][l]. They have inputs, outputs, number of layers, batch, loss
/// and kind of targets alike; hidden layers are as wide as the widest, and what fills up the others stays 0.
/// @param lanes    at most as many as BundleLoops::lanes; order and blocks as LaneEngine::start() has them
/// @param scratch  kept between calls
using TrainBundle = void (*)(std::span<const Lane* const> lanes, std::vector<float>& scratch);

struct BundleLoops {
  std::size_t lanes;
  TrainBundle train;
};

/// One source for each instruction set.
namespace loops {
void train_bundle_avx512(std::span<const Lane* const> lanes, std::vector<float>& scratch);
void train_bundle_avx2(std::span<const Lane* const> lanes, std::vector<float>& scratch);
void train_bundle_portable(std::span<const Lane* const> lanes, std::vector<float>& scratch);
}  // namespace loops

/// For each instruction set that this processor has, the widest first.
std::span<const BundleLoops> bundle_loops();

}  // namespace regatta::device
