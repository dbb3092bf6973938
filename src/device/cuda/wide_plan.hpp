#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lane_plan.hpp"
#include "regatta/device/lanes.hpp"

namespace regatta::device::cuda {

/// Where the numbers of a wide lane lie: parameters in the arena of its network, all else in a block of the
/// device's memory, rows filled up to fours.
struct WidePlan {
  static constexpr std::uint32_t most = Lane::most_layers;
  static constexpr std::uint32_t norm_chunk = 4096;  ///< gradients whose squares one block adds up

  std::uint32_t widths[most + 1] = {};  ///< of the layers' outputs; the inputs first
  std::size_t weights[most] = {}, biases[most] = {};
  std::size_t y[most + 1] =
      {};  ///< batch x width of layers' outputs, after dropout; not of the inputs and not of the last layer
  std::size_t z[most] = {};       ///< as y, of layers with Gelu
  std::size_t slopes[most] = {};  ///< as y: dL/dz
  std::size_t losses = 0;         ///< batch: sums over the steps, of the samples in the same row
  std::size_t squares = 0;        ///< per chunk of gradients, where they are clipped
  std::size_t size = 0;           ///< [numbers]

  constexpr std::uint32_t stride(std::uint32_t layer) const { return in_fours(widths[layer]); }
};

/// Of a step, floating-point.
constexpr double operations_of(const Lane& lane) {
  return 6.0 * static_cast<double>(lane.update.penalised) * lane.batch;
}

constexpr WidePlan plan_wide(const Lane& lane) {
  WidePlan plan;
  const auto take = [&plan](std::size_t count) {
    const std::size_t first = plan.size;
    plan.size += (count + 3) / 4 * 4;
    return first;
  };
  plan.widths[0] = lane.inputs;
  std::size_t weight = 0, bias = lane.update.penalised;
  for (std::uint32_t l = 0; l < lane.layer_count; ++l) {
    const std::uint32_t units = plan.widths[l + 1] = lane.layers[l].units;
    const std::size_t numbers = std::size_t{lane.batch} * in_fours(units);
    plan.weights[l] = weight;
    plan.biases[l] = bias;
    if (l + 1 < lane.layer_count) plan.y[l + 1] = take(numbers);
    plan.slopes[l] = take(numbers);
    if (lane.layers[l].activation == Activation::Gelu) plan.z[l] = take(numbers);
    weight += std::size_t{plan.widths[l]} * units;
    bias += units;
  }
  plan.losses = take(lane.batch);
  plan.squares = take((lane.update.count + WidePlan::norm_chunk - 1) / WidePlan::norm_chunk);
  return plan;
}

}  // namespace regatta::device::cuda
