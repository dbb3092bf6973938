#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "wide_desk.hpp"

namespace regatta::device::cuda {

/// The last layer of a wide lane, row by row, with the loss and the slopes below it.
class WideLastLayer : WideView {
 public:
  static __device__ void read_targets(std::int32_t sample, RowOfBlock row) {
    const Targets& targets = lane().targets;
    const std::uint32_t columns = width(layers());
    if (targets.labels && row.thread == 0) row.place().label = targets.labels[sample];
    for (std::uint32_t j = row.thread; targets.values && j < columns; j += warp * row.warps)
      row.place().values[j] = targets.values[static_cast<std::size_t>(sample) * columns + j];
  }

  /// Calls take(unit, z) for the units of the last layer, in different threads of the row. All threads of the
  /// block call it.
  template <class Take>
  static __device__ void outputs(Rows rows, RowOfBlock row, const Take& take) {
    const std::uint32_t last = layers() - 1;
    REGATTA_UNROLL(1)
    for (std::uint32_t first = 0; first < width(last + 1); first += Head::units) {
      const std::uint32_t count = std::min(width(last + 1) - first, +Head::units);
      const float bias = row.thread < count ? biases(last)[first + row.thread] : 0;
      if (row.there) add_up(rows, row, first, count);
      __syncthreads();
      if (row.warps > 1) add_warps();
      if (row.there && row.thread < count) {
        float sum = 0;
        for (unsigned thread = 0; thread < warp; ++thread)
          sum += desk().head.sums[row.first_warp][thread][row.thread];
        take(first + row.thread, sum + bias);
      }
      __syncthreads();
    }
  }

  static __device__ void keep_output(RowOfBlock row, std::uint32_t unit, float before, std::uint64_t key) {
    const std::uint32_t last = layers() - 1;
    const Dropping drop = dropping_of(lane(), last, &key);
    if (gelu(last)) z(last)[std::size_t{row.number} * stride(last + 1) + unit] = before;
    row.place().outputs[unit] = drop.factor(drop.row(row.number), unit) * activated(activation(last), before);
  }

  /// The loss of a sample, and dL/dz of the last layer. One thread does it.
  static __device__ void take_loss(std::uint32_t step, RowOfBlock row) {
    const std::uint32_t last = layers() - 1, columns = width(last + 1);
    Head::Row& place = row.place();
    Targets targets = lane().targets;
    if (targets.labels) targets.labels = &place.label;
    if (targets.values) targets.values = place.values;
    const float scale = 1.0f / static_cast<float>(rows_at(step).count);
    const float loss = loss_of_row(lane().loss, {place.outputs, columns, 0, targets, scale, place.slopes}, 0);
    float* sum = numbers(plan().losses + row.number);
    *sum = step == 0 ? loss : *sum + loss;
    const Activation kind = activation(last);
    if (kind == Activation::Identity) return;
    const float* before = gelu(last) ? z(last) + std::size_t{row.number} * stride(last + 1) : place.outputs;
    for (std::uint32_t j = 0; j < columns; ++j)
      place.slopes[j] *= slope_at(kind, before[j], place.outputs[j]);
  }

  /// dL/dz of the last layer, and of the one before it.
  static __device__ void spread_slopes(RowOfBlock row, std::uint64_t key) {
    const std::uint32_t last = layers() - 1, units = width(last + 1), threads = warp * row.warps;
    const float* slope = row.place().slopes;
    float* out = slopes(last) + std::size_t{row.number} * stride(last + 1);
    for (std::uint32_t unit = row.thread; unit < units; unit += threads) out[unit] = slope[unit];
    if (last == 0) return;
    const SlopeSink sink = slope_sink(last - 1, key);
    const float* weight = weights(last);
    const std::uint32_t below = width(last);
    with_constant(activation(last - 1), [&](auto constant) {
      REGATTA_UNROLL(1)
      for (std::uint32_t unit = row.thread; unit < below; unit += threads) {
        float sum = 0;
        for (std::uint32_t j = 0; j < units; ++j) sum += slope[j] * weight[std::size_t{unit} * units + j];
        sink.put<constant>(row.number, unit, sum);
      }
    });
  }

 private:
  /// The same sums with one warp and with all of them: those of a thread are the sums of as many parts as a
  /// block has warps.
  static __device__ void add_up(Rows rows, RowOfBlock row, std::uint32_t first, std::uint32_t count) {
    const std::uint32_t last = layers() - 1, depth = width(last), units = width(last + 1);
    const float *from = inputs(last, rows).line(row.number), *weight = weights(last) + first;
    float totals[Head::units] = {};
    REGATTA_UNROLL(1)
    for (std::uint32_t part = row.thread / warp; part < warps; part += row.warps) {
      float sums[Head::units] = {};
      REGATTA_UNROLL(1)
      for (std::uint32_t k = part * warp + row.thread % warp; k < depth; k += wide_threads)
        for (unsigned i = 0; i < Head::units; ++i)
          sums[i] += from[k] * weight[std::size_t{k} * units + (i < count ? i : 0)];
      for (unsigned i = 0; i < Head::units; ++i) totals[i] += sums[i];
    }
    for (unsigned i = 0; i < Head::units; ++i)
      desk().head.sums[threadIdx.x / warp][threadIdx.x % warp][i] = totals[i];
  }
  static __device__ void add_warps() {
    for (unsigned i = threadIdx.x; i < warp * Head::units; i += wide_threads) {
      float* sum = &desk().head.sums[0][i / Head::units][i % Head::units];
      for (unsigned other = 1; other < warps; ++other)
        *sum += desk().head.sums[other][i / Head::units][i % Head::units];
    }
    __syncthreads();
  }
};

}  // namespace regatta::device::cuda
