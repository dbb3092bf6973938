#include "wide_lanes.hpp"

#include <algorithm>
#include <type_traits>

#include "check.hpp"
#include "launch.hpp"
#include "meeting.hpp"
#include "wide_desk.hpp"
#include "wide_last_layer.hpp"
#include "wide_tiles.hpp"
#include "wide_update.hpp"

// Several blocks of threads train one lane: all tiles of a layer at once, then they meet, then the next
// layer. One launch makes many steps. Nothing depends on how many blocks there are.
//
// Threads keep little in registers and nothing elsewhere: where blocks meet, they lose what their caches
// hold, their own memory too, so that what they know of the lane lies in shared memory.
namespace regatta::device::cuda {
namespace {

/// What a thread does for the lane that its block trains with others.
/// @tparam exact  as WarpSums
template <bool exact>
class WideLane : WideView {
 public:
  __device__ explicit WideLane(unsigned members) : member_(blockIdx.x % members), members_(members) {}

  __device__ void train() {
    for (std::uint32_t step = 0; step < lane().steps; ++step) train_step(step);
    for (unsigned i = 0; i < Lane::most_judgements; ++i)
      if (lane().judgements[i].outputs) judge(i);
    if (member_ == 0 && threadIdx.x == 0) *lane().loss_sum = loss();
  }

 private:
  __device__ void meet_others() { meet(desk().own.arrivals, members_, meetings_); }

  __device__ void train_step(std::uint32_t step) {
    copy_to_desk(desk().own.factors[step], desk().factors);
    const std::uint64_t key = key_of_step(lane(), step);
    for (std::uint32_t l = 0; l + 1 < layers(); ++l) hidden_layer(l, rows_at(step), &key);
    last_layer(step, key);
    for (std::uint32_t l = layers() - 1; l-- > 1;) input_gradient(l, rows_at(step).count, key);
    gradients(rows_at(step));
    if (lane().update.clip > 0) update_clipped();
  }

  /// Outputs for all rows of a judgement, a batch at a time.
  __device__ void judge(unsigned i) {
    for (std::uint32_t first = 0; first < lane().judgements[i].count; first += lane().batch) {
      const Lane::Judgement& judgement = lane().judgements[i];
      Rows rows{judgement.x, judgement.rows, std::min(judgement.count - first, +lane().batch)};
      if (rows.order)
        rows.order += first;
      else
        rows.x += std::size_t{first} * width(0);
      for (std::uint32_t l = 0; l + 1 < layers(); ++l) hidden_layer(l, rows, nullptr);
      float* out = judgement.outputs + std::size_t{first} * width(layers());
      each_row(rows.count, [=](RowOfBlock row) {
        WideLastLayer::outputs(rows, row, [=](std::uint32_t unit, float before) {
          out[std::size_t{row.number} * width(layers()) + unit] = activated(activation(layers() - 1), before);
        });
      });
      meet_others();
    }
  }

  /// All tiles of a product, shared among the blocks.
  template <bool a_along_depth, bool b_along_depth, class Finish>
  __device__ void multiply(Sizes sizes, Factor a, Factor b, const Finish& finish) const {
    const auto all = [&](auto kind, auto fours) {
      for (std::uint32_t tile = member_; tile < kind.count(sizes); tile += members_)
        multiply_tile<decltype(kind), exact, a_along_depth, b_along_depth, fours>(tile, sizes, a, b, finish);
    };
    if (!a.in_fours() || !b.in_fours()) return all(SmallTile(), std::false_type());
    with_best_tile(
        sizes, members_, [=](auto kind) { return kind.count(sizes); },
        [&](auto kind) { all(kind, std::true_type()); });
  }

  /// @param key  of this step; null: nothing is dropped
  __device__ void hidden_layer(std::uint32_t l, Rows rows, const std::uint64_t* key) {
    const Dropping drop = dropping_of(lane(), l, key);
    const Sizes sizes{rows.count, width(l + 1), width(l)};
    multiply<true, false>(sizes, inputs(l, rows), weight_rows(l), [=](const auto& tile) {
      const std::uint32_t pitch = stride(l + 1);
      const float* bias = biases(l);
      float *out = y(l + 1), *z_out = z(l);
      with_constant(activation(l), [&](auto constant) {
        tile.each(sizes, [=](std::uint32_t row, std::uint32_t unit, float sum) {
          const std::size_t place = std::size_t{row} * pitch + unit;
          const float before = sum + bias[unit];
          if (constant() == Activation::Gelu) z_out[place] = before;
          out[place] = drop.factor(drop.row(row), unit) * formulas::activate<constant>(before);
        });
      });
    });
    meet_others();
  }

  /// With the loss, and dL/dz of the last two layers.
  __device__ void last_layer(std::uint32_t step, std::uint64_t key) {
    each_row(rows_at(step).count, [=](RowOfBlock row) {
      if (row.there)
        WideLastLayer::read_targets(lane().order[std::size_t{step} * lane().batch + row.number], row);
      WideLastLayer::outputs(rows_at(step), row, [=](std::uint32_t unit, float before) {
        WideLastLayer::keep_output(row, unit, before, key);
      });
      if (row.there && row.thread == 0) WideLastLayer::take_loss(step, row);
      __syncthreads();
      if (row.there) WideLastLayer::spread_slopes(row, key);
      __syncthreads();
    });
    meet_others();
  }

  /// Calls visit(row) in all threads of the block, some rows at a time. A row has all warps of a block where
  /// there are blocks enough, else one.
  template <class Visit>
  __device__ void each_row(std::uint32_t count, const Visit& visit) const {
    const std::uint32_t each = count <= members_ ? warps : 1, own = threadIdx.x / warp / each;
    REGATTA_UNROLL(1)
    for (std::uint32_t first = 0; first < count; first += members_ * (warps / each)) {
      const std::uint32_t row = first + own * members_ + member_;
      visit(RowOfBlock{row, row < count, own * each, each, threadIdx.x % (warp * each)});
    }
  }

  /// dL/dz of layer l - 1.
  __device__ void input_gradient(std::uint32_t l, std::uint32_t count, std::uint64_t key) {
    const Sizes sizes{count, width(l), width(l + 1)};
    multiply<true, true>(sizes, slope_rows(l, count), weight_rows(l), [=](const auto& tile) {
      const SlopeSink sink = slope_sink(l - 1, key);
      with_constant(activation(l - 1), [&](auto constant) {
        tile.each(sizes, [=](std::uint32_t row, std::uint32_t unit, float sum) {
          sink.template put<constant>(row, unit, sum);
        });
      });
    });
    meet_others();
  }

  /// Of all layers, with the parameters' steps.
  __device__ void gradients(Rows rows) {
    const auto tiles = [=](auto kind) {
      std::uint32_t count = 0;
      for (std::uint32_t l = 0; l < layers(); ++l) count += kind.count({width(l), width(l + 1), rows.count});
      return count;
    };
    with_best_tile({0, 0, rows.count}, members_, tiles,
                   [&](auto kind) { weight_gradients<decltype(kind)>(rows); });
    meet_others();
  }

  /// Tiles of all layers' weights, then columns of biases; the blocks take them in turns.
  template <class Kind>
  __device__ void weight_gradients(Rows rows) const {
    std::uint32_t item = member_;
    REGATTA_UNROLL(1)
    for (std::uint32_t l = 0; l < layers(); ++l) {
      const bool fours = inputs(l, rows).in_fours();
      const auto take_tiles = [&](auto kind, auto in_fours) {
        const Sizes sizes{width(l), width(l + 1), rows.count};
        const std::uint32_t count = kind.count(sizes);
        for (; item < count; item += members_)
          multiply_tile<decltype(kind), exact, false, false, in_fours>(
              item, sizes, inputs(l, rows), slope_rows(l, rows.count), [=](const auto& tile) {
                WideUpdate(lane().update, desk().factors).take(tile, sizes, plan().weights[l]);
              });
        item -= count;
      };
      fours ? take_tiles(Kind(), std::true_type()) : take_tiles(SmallTile(), std::false_type());
    }
    REGATTA_UNROLL(1)
    for (std::uint32_t l = 0; l < layers(); ++l) {
      const std::uint32_t groups = (width(l + 1) + warp - 1) / warp;
      for (; item < groups; item += members_) bias_gradient(l, item * warp, rows.count);
      item -= groups;
    }
  }

  /// Of the units [first, first + warp).
  static __device__ void bias_gradient(std::uint32_t l, std::uint32_t first, std::uint32_t count) {
    const std::uint32_t unit = first + threadIdx.x % warp, pitch = stride(l + 1);
    const bool there = unit < width(l + 1);
    const float* slope = slopes(l) + (there ? unit : 0);
    float* sums = desk().tile;
    float sum = 0;
    for (std::uint32_t row = threadIdx.x / warp; row < count; row += warps)
      sum += slope[std::size_t{row} * pitch];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x < warp && there) {
      for (std::uint32_t other = 1; other < warps; ++other) sum += sums[other * warp + threadIdx.x];
      WideUpdate(lane().update, desk().factors).take<false>(plan().biases[l] + unit, sum);
    }
    __syncthreads();
  }

  __device__ void update_clipped() {
    const std::size_t count = lane().update.count;
    const auto chunks = static_cast<std::uint32_t>((count + WidePlan::norm_chunk - 1) / WidePlan::norm_chunk);
    float* squares = numbers(plan().squares);
    for (std::uint32_t chunk = member_; chunk < chunks; chunk += members_) {
      const float sum = sum_of_squares(std::size_t{chunk} * WidePlan::norm_chunk);
      if (threadIdx.x == 0) squares[chunk] = sum;
    }
    meet_others();
    float norm = 0;
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) norm += squares[chunk];
    formulas::UpdateFactors factors = desk().factors;
    factors.squared_norm = &norm;
    const float scale = factors.scale();
    const WideUpdate update(lane().update, factors);
    for (std::size_t i = std::size_t{member_} * wide_threads + threadIdx.x; i < count;
         i += std::size_t{members_} * wide_threads) {
      const float gradient = scale * lane().update.gradients[i];
      i < lane().update.penalised ? update.step<true>(i, gradient) : update.step<false>(i, gradient);
    }
    meet_others();
  }

  /// Of one chunk of gradients, added up in pairs.
  static __device__ float sum_of_squares(std::size_t first) {
    const std::size_t end = std::min(first + WidePlan::norm_chunk, +lane().update.count);
    const float* gradients = lane().update.gradients;
    float* sums = desk().tile;
    float sum = 0;
    for (std::size_t i = first + threadIdx.x; i < end; i += wide_threads) sum += gradients[i] * gradients[i];
    __syncthreads();
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned half = wide_threads / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
      __syncthreads();
    }
    return sums[0];
  }

  static __device__ float loss() {
    float sum = 0;
    for (std::uint32_t row = 0; row < rows_of_step(lane(), 0); ++row) sum += *numbers(plan().losses + row);
    return sum;
  }

  unsigned member_, members_;
  unsigned meetings_ = 0;
};

/// @tparam per_processor  blocks that one of the device's processors runs at once
template <bool exact, int per_processor>
__global__ void __launch_bounds__(wide_threads, per_processor)
    train_wide_lane(const PlannedWideLane* lanes, unsigned members) {
  copy_to_desk(lanes[blockIdx.x / members], desk().own);
  __syncthreads();
  WideLane<exact>(members).train();
}

/// One lane has the processors to itself, which meet sooner so; of several, some compute while others wait
/// for memory.
auto kernel_for(bool exact, bool alone) {
  if (alone) return exact ? train_wide_lane<true, 1> : train_wide_lane<false, 1>;
  return exact ? train_wide_lane<true, 2> : train_wide_lane<false, 2>;
}

}  // namespace

bool fits_wide_lane(const Lane& lane) {
  // Beyond it the products of cuBLAS alone are as fast as all of this.
  constexpr double most_operations = 2e9;
  return lane.layer_count > 0 && lane.layer_count <= Lane::most_layers &&
         operations_of(lane) <= most_operations &&
         lane.layers[lane.layer_count - 1].units <= Lane::most_outputs;
}

std::size_t wide_lane_blocks(std::size_t processors) {
  int fewest = 0;
  for (const bool alone : {true, false})
    for (const bool exact : {true, false}) {
      const auto kernel = kernel_for(exact, alone);
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(Desk)));
      int blocks = 0;
      check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, wide_threads, sizeof(Desk)));
      if (!alone) fewest = fewest == 0 ? blocks : std::min(fewest, blocks);
    }
  return processors * static_cast<std::size_t>(fewest);
}

std::size_t useful_blocks(const Lane& lane, const WidePlan& plan) {
  std::size_t weights = 0, outputs = lane.batch;
  for (std::uint32_t l = 0; l < lane.layer_count; ++l) {
    weights += SmallTile::count({plan.widths[l], plan.widths[l + 1], lane.batch});
    outputs =
        std::max<std::size_t>(outputs, SmallTile::count({lane.batch, plan.widths[l + 1], plan.widths[l]}));
  }
  return std::max(outputs, weights / 4);
}

void train_wide_lanes(const PlannedWideLane* lanes, std::size_t count, std::size_t blocks_per_lane,
                      bool exact, Stream& stream) {
  cudaLaunchAttribute together{};
  together.id = cudaLaunchAttributeCooperative;
  together.val.cooperative = 1;
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = static_cast<unsigned>(count * blocks_per_lane);
  configuration.blockDim = wide_threads;
  configuration.dynamicSmemBytes = sizeof(Desk);
  configuration.stream = stream;
  configuration.attrs = &together;
  configuration.numAttrs = 1;
  check(cudaLaunchKernelEx(&configuration, kernel_for(exact, count == 1), lanes,
                           static_cast<unsigned>(blocks_per_lane)));
}

}  // namespace regatta::device::cuda
