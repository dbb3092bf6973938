#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "regatta/device/lanes.hpp"

namespace regatta::device::cuda {

constexpr std::uint32_t in_fours(std::uint32_t count) { return (count + 3) / 4 * 4; }

/// Where the numbers of a lane lie in the shared memory of its block. Rows and columns are filled up to fours, so that
/// products read four numbers at a time; what fills them up is 0 where it is multiplied with something that need not be.
struct LanePlan {
  static constexpr std::uint32_t most = Lane::most_layers;

  std::uint32_t widths[most + 1] = {};  ///< of the layers' outputs; the inputs first
  std::uint32_t y[most + 1] = {};       ///< batch x width, rows in_fours(width) apart; the inputs first
  std::uint32_t z[most] = {};           ///< as y, of layers with Gelu
  std::uint32_t weights[most] = {};     ///< inputs x units, rows weight_stride() apart
  std::uint32_t biases[most] = {};
  std::uint32_t slopes[2] = {};  ///< dL/dz of two neighbouring layers
  std::uint32_t labels = 0, values = 0;
  std::uint32_t moments[2] = {};  ///< without gaps, in the order of the arena; only if they are inside
  bool moments_inside = false;
  std::uint32_t size = 0;  ///< of all [numbers]

  /// Rows of weights whose fours lie in different banks for neighbouring rows.
  constexpr std::uint32_t weight_stride(std::uint32_t layer) const {
    const std::uint32_t fours = in_fours(widths[layer + 1]) / 4;
    return 4 * (fours + (fours % 2 == 0));
  }
};

constexpr LanePlan plan_lane(const Lane& lane, bool moments_inside) {
  LanePlan plan;
  const auto take = [&plan](std::uint32_t count) {
    const std::uint32_t first = plan.size;
    plan.size += in_fours(count);
    return first;
  };
  const std::uint32_t batch = in_fours(lane.batch);
  plan.widths[0] = lane.inputs;
  std::uint32_t widest = 0;
  for (std::uint32_t l = 0; l < lane.layer_count; ++l) {
    plan.widths[l + 1] = lane.layers[l].units;
    widest = std::max(widest, in_fours(lane.layers[l].units));
  }
  for (std::uint32_t l = 0; l < lane.layer_count; ++l) {
    plan.weights[l] = take(in_fours(plan.widths[l]) * plan.weight_stride(l));
    plan.biases[l] = take(plan.widths[l + 1]);
    if (lane.layers[l].activation == Activation::Gelu) plan.z[l] = take(batch * in_fours(plan.widths[l + 1]));
  }
  for (std::uint32_t l = 0; l <= lane.layer_count; ++l) plan.y[l] = take(batch * in_fours(plan.widths[l]));
  for (std::uint32_t& slopes : plan.slopes) slopes = take(batch * widest);
  if (lane.targets.labels) plan.labels = take(batch);
  if (lane.targets.values) plan.values = take(batch * plan.widths[lane.layer_count]);
  plan.moments_inside = moments_inside;
  if (moments_inside)
    for (std::uint32_t& moment : plan.moments) moment = take(static_cast<std::uint32_t>(lane.update.count));
  return plan;
}

}  // namespace regatta::device::cuda
