#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lane_parts.hpp"
#include "launch.hpp"
#include "wide_lanes.hpp"
#include "wide_tiles.hpp"

// What the threads of a block know of the wide lane that they train with others.
namespace regatta::device::cuda {

constexpr std::uint32_t warps = wide_threads / warp;

/// What the warps of a row need for the last layer.
struct Head {
  static constexpr unsigned units = 16;  ///< that are added up at a time

  float sums[warps][warp]
            [units + 1];  ///< of each thread; the last one keeps neighbouring threads in different banks
  /// Of the row that begins with this warp.
  struct Row {
    float outputs[Lane::most_outputs], slopes[Lane::most_outputs], values[Lane::most_outputs];
    std::int32_t label;
  } rows[warps];
};

/// A block's shared memory.
struct Desk {
  union {
    float tile[std::max(SmallTile::numbers, LargeTile::numbers)];
    Head head;
  };
  PlannedWideLane own;
  formulas::UpdateFactors factors;  ///< of this step
};

__device__ inline Desk& desk() { return *reinterpret_cast<Desk*>(shared_numbers()); }

/// By all threads of the block.
template <class T>
__device__ void copy_to_desk(const T& from, T& to) {
  static_assert(sizeof(T) % sizeof(unsigned) == 0);
  for (unsigned i = threadIdx.x; i < sizeof(T) / sizeof(unsigned); i += wide_threads)
    reinterpret_cast<unsigned*>(&to)[i] = reinterpret_cast<const unsigned*>(&from)[i];
}

/// Some samples.
struct Rows {
  const float* x;
  const std::int32_t* order;  ///< null: the first ones
  std::uint32_t count;
};

/// Where the slopes of a layer go.
struct SlopeSink {
  const float *before, *after;
  float* out;
  std::uint32_t pitch;
  Dropping drop;

  /// @param sum  dL/dy, after dropout
  template <Activation kind>
  __device__ void put(std::uint32_t row, std::uint32_t unit, float sum) const {
    const std::size_t place = std::size_t{row} * pitch + unit;
    const float slope = formulas::slope<kind>(before[place], after[place] * drop.kept);
    out[place] = drop.factor(drop.row(row), unit) * sum * slope;
  }
};

/// A row of the batch that some warps of a block work at.
struct RowOfBlock {
  std::uint32_t number;
  bool there;
  std::uint32_t first_warp, warps;
  std::uint32_t thread;  ///< the caller, among those of the row

  __device__ Head::Row& place() const { return desk().head.rows[first_warp]; }
};

/// The lane on the desk.
class WideView {
 protected:
  static __device__ const Lane& lane() { return desk().own.lane; }
  static __device__ const WidePlan& plan() { return desk().own.plan; }
  static __device__ std::uint32_t layers() { return lane().layer_count; }
  static __device__ std::uint32_t width(std::uint32_t l) { return plan().widths[l]; }
  static __device__ std::uint32_t stride(std::uint32_t l) { return plan().stride(l); }
  static __device__ float* numbers(std::size_t place) { return desk().own.numbers + place; }
  static __device__ float* y(std::uint32_t l) { return numbers(plan().y[l]); }
  static __device__ float* z(std::uint32_t l) { return numbers(plan().z[l]); }
  static __device__ float* slopes(std::uint32_t l) { return numbers(plan().slopes[l]); }
  static __device__ const float* weights(std::uint32_t l) {
    return lane().update.parameters + plan().weights[l];
  }
  static __device__ const float* biases(std::uint32_t l) {
    return lane().update.parameters + plan().biases[l];
  }
  static __device__ Activation activation(std::uint32_t l) { return lane().layers[l].activation; }
  static __device__ bool gelu(std::uint32_t l) { return activation(l) == Activation::Gelu; }
  /// What the slope of layer l's activation is a function of, besides y.
  static __device__ const float* before_activation(std::uint32_t l) { return gelu(l) ? z(l) : y(l + 1); }

  /// Inputs of layer l, one line per sample.
  static __device__ Factor inputs(std::uint32_t l, Rows rows) {
    if (l == 0) return {rows.x, width(0), rows.count, width(0), rows.order};
    return {y(l), stride(l), rows.count, stride(l)};
  }
  static __device__ Factor slope_rows(std::uint32_t l, std::uint32_t count) {
    return {slopes(l), stride(l + 1), count, stride(l + 1)};
  }
  static __device__ Factor weight_rows(std::uint32_t l) {
    return {weights(l), width(l + 1), width(l), width(l + 1)};
  }
  static __device__ Rows rows_at(std::uint32_t step) {
    return {lane().x, lane().order + std::size_t{step} * lane().batch, rows_of_step(lane(), step)};
  }

  static __device__ SlopeSink slope_sink(std::uint32_t l, std::uint64_t key) {
    return {before_activation(l), y(l + 1), slopes(l), stride(l + 1), dropping_of(lane(), l, &key)};
  }
};

}  // namespace regatta::device::cuda
