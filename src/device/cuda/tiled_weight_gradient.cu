#include <algorithm>

#include "check.hpp"
#include "kernels.hpp"
#include "tiled_convolution.hpp"
#include "window_tiles.hpp"

namespace regatta::device::cuda {
namespace {

/// A multiple of what 3 x 3 pixels of 32 channels have.
constexpr unsigned terms_of_tile = 96, narrow_columns = 32;
using NarrowTile = WindowTile<terms_of_tile, narrow_columns, 48, 16>;
using BroadTile = WindowTile<terms_of_tile, 64, 48, 32>;

/// Carries the numbers of windows to a stage, those of one window at each step of the depth.
template <unsigned count>
class WindowCarrier {
  static constexpr unsigned each = chunk_depth * count / 4 / tile_threads, across = count / 4;

 public:
  /// @param first  number of a window from which on the stage's places are
  __device__ WindowCarrier(const WindowGrid& grid, const float* pixels, std::uint32_t first)
      : pixels_(pixels) {
    for (unsigned i = 0; i < each; ++i) {
      const std::uint32_t number = first + place(i), tap = number / grid.channels;
      channel_[i] = number % grid.channels;
      // Beyond the last tap it is outside of all images.
      down_[i] = tap < grid.taps() ? static_cast<std::int32_t>(tap / grid.columns.taps) : INT32_MIN / 2;
      right_[i] = static_cast<std::int32_t>(tap % grid.columns.taps);
    }
  }

  /// Windows [first, first + chunk_depth); those from `end` on are 0.
  __device__ void start(float* stage, const WindowGrid& grid, std::uint32_t first, std::uint32_t end) const {
    for (unsigned i = 0; i < each; ++i) {
      const std::uint32_t window = first + line(i);
      const WindowGrid::Place at = grid.place(window);
      const std::int32_t row = grid.rows.begin(at.row) + down_[i],
                         column = grid.columns.begin(at.column) + right_[i];
      const bool there = window < end && grid.rows.has(row) && grid.columns.has(column);
      const std::uint32_t pixel =
          (at.sample * grid.rows.length + static_cast<std::uint32_t>(row)) * grid.columns.length +
          static_cast<std::uint32_t>(column);
      const float* from = pixels_ + (there ? std::size_t{pixel} * grid.channels + channel_[i] : 0);
      copy_later<4, true>(stage + line(i) * Stage<false, count>::pitch + place(i), from, there ? 4 : 0);
    }
  }

 private:
  __device__ unsigned line(unsigned i) const { return (threadIdx.x + i * tile_threads) / across; }
  __device__ unsigned place(unsigned i) const { return (threadIdx.x + i * tile_threads) % across * 4; }

  const float* pixels_;
  std::uint32_t channel_[each];
  std::int32_t down_[each], right_[each];
};

/// The windows' transposed matrix times dL/dz, of some windows.
struct WeightProduct {
  WindowGrid grid;
  const float* pixels;
  Factor dz;
  std::uint32_t terms, columns;     ///< of the result
  std::uint32_t windows_per_slice;  ///< a multiple of chunk_depth
};

template <class Kind>
constexpr unsigned weight_stage_numbers = chunk_depth*(Stage<false, Kind::rows>::pitch +
                                                       Stage<false, Kind::columns>::pitch);

/// What a thread adds up of the columns of dL/dz, for the gradient of the bias. The blocks of a slice that
/// have the same columns take its chunks in turns, and parts of a block's threads some steps each.
template <class Kind>
class BiasSum {
 public:
  static constexpr std::uint32_t parts = tile_threads / Kind::columns;

  /// @param stage  of dL/dz
  __device__ void add(std::uint32_t chunk, const float* stage) {
    if (chunk % gridDim.x != blockIdx.x) return;
    for (unsigned depth = 0; depth < chunk_depth; depth += parts)
      sum_ += stage[Stage<false, Kind::columns>::at(column(), depth + part())];
  }
  /// @param partial  a row of `columns` for each part of each block
  __device__ void put(float* partial, std::uint32_t columns) const {
    const std::size_t row = (std::size_t{blockIdx.z} * gridDim.x + blockIdx.x) * parts + part();
    const std::uint32_t unit = blockIdx.y * Kind::columns + column();
    if (unit < columns) partial[row * columns + unit] = sum_;
  }

 private:
  static __device__ unsigned column() { return threadIdx.x % Kind::columns; }
  static __device__ unsigned part() { return threadIdx.x / Kind::columns; }

  float sum_ = 0;
};

/// @param partial  a result for each slice
/// @param bias     rows of BiasSum, or null
template <class Kind, Precision precision>
__global__ void __launch_bounds__(tile_threads, blocks_at_once)
    multiply_by_gradients(WeightProduct product, float* partial, float* bias) {
  using Rows = Stage<false, Kind::rows>;
  using Columns = Stage<false, Kind::columns>;
  const WindowGrid& grid = product.grid;
  const std::uint32_t first_row = blockIdx.x * Kind::rows, first_column = blockIdx.y * Kind::columns;
  const std::uint32_t first = blockIdx.z * product.windows_per_slice;
  const std::uint32_t end = std::min(first + product.windows_per_slice, grid.windows);
  const std::uint32_t chunks = (end - first + chunk_depth - 1) / chunk_depth;
  const WindowCarrier<Kind::rows> rows(grid, product.pixels, first_row);
  const Carrier<false, true, Kind::columns, tile_threads> columns(product.dz, first_column, threadIdx.x);
  const auto stage = [shared = shared_numbers()](std::uint32_t chunk) {
    return shared + chunk % tile_stages * weight_stage_numbers<Kind>;
  };
  const auto start = [&](std::uint32_t chunk) {
    if (chunk < chunks) {
      const std::uint32_t window = first + chunk * chunk_depth;
      rows.start(stage(chunk), grid, window, end);
      columns.start(stage(chunk) + chunk_depth * Rows::pitch, window,
                    static_cast<std::int32_t>(end - window));
    }
    end_group();
  };
  WarpSums<Kind> sums;
  BiasSum<Kind> bias_sum;
  for (std::uint32_t chunk = 0; chunk + 1 < tile_stages; ++chunk) start(chunk);
  REGATTA_UNROLL(1)
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    wait_for_copies<tile_stages - 2>();
    __syncthreads();
    start(chunk + tile_stages - 1);
    const float* row_stage = stage(chunk) + Kind::first_row() + threadIdx.x % warp / 4;
    const float* column_stage = stage(chunk) + chunk_depth * Rows::pitch + Kind::first_column();
    sums.template add_rounded_chunk<precision>(
        [=](unsigned i, unsigned depth) { return row_stage[Rows::at(8 * i, depth)]; },
        [=](unsigned place, unsigned depth) { return column_stage[Columns::at(place, depth)]; });
    if (bias) bias_sum.add(chunk, stage(chunk) + chunk_depth * Rows::pitch);
  }
  if (bias) bias_sum.put(bias, product.columns);
  float* out = partial + std::size_t{blockIdx.z} * product.terms * product.columns;
  sums.each([&](unsigned row, unsigned column, float sum, float after) {
    const std::uint32_t term = first_row + Kind::first_row() + row,
                        unit = first_column + Kind::first_column() + column;
    if (term < product.terms && unit < product.columns)
      *reinterpret_cast<float2*>(out + std::size_t{term} * product.columns + unit) = {sum, after};
  });
}

/// How the tiles of the weights and the windows are shared among blocks.
struct WeightPlan {
  Shape shape;
  std::uint32_t windows_per_slice;
  std::size_t slices, bias_rows;
};

template <class Kind>
WeightPlan plan_of(const Convolution& layer) {
  constexpr std::size_t blocks = 400,
                        fewest_windows = 256;  // enough for the largest devices, and enough to do for each
  const std::size_t down = blocks_for(layer.weights.rows, Kind::rows),
                    across = blocks_for(layer.weights.columns, Kind::columns);
  const std::size_t windows = layer.x.rows * layer.windows.output.pixels();
  const std::size_t wanted = std::max<std::size_t>(blocks / (down * across), 1);
  const std::size_t each =
      blocks_for(std::max(blocks_for(windows, wanted), fewest_windows), chunk_depth) * chunk_depth;
  const std::size_t slices_of_windows = blocks_for(windows, each);
  return {
      {{static_cast<unsigned>(down), static_cast<unsigned>(across), static_cast<unsigned>(slices_of_windows)},
       {tile_threads},
       sizeof(float) * tile_stages * weight_stage_numbers<Kind>},
      static_cast<std::uint32_t>(each),
      slices_of_windows,
      slices_of_windows * down * BiasSum<Kind>::parts};
}

/// Calls work(tile kind, its plan).
template <class Work>
auto with_plan(const Convolution& layer, const Work& work) {
  if (layer.weights.columns > narrow_columns) return work(BroadTile(), plan_of<BroadTile>(layer));
  return work(NarrowTile(), plan_of<NarrowTile>(layer));
}

}  // namespace

std::size_t weight_partials(const Convolution& layer) {
  return with_plan(layer, [&](auto, const WeightPlan& plan) {
    return plan.slices * layer.weights.size() + plan.bias_rows * layer.weights.columns;
  });
}

void weight_gradient_in_tiles(const Convolution& layer, const float* dz, MatrixView<float> dw, float* bias,
                              float* partial, Precision precision, Stream& stream) {
  const WindowGrid grid = output_grid(layer.windows, layer.x.rows);
  const auto terms = static_cast<std::uint32_t>(dw.rows), columns = static_cast<std::uint32_t>(dw.columns);
  with_plan(layer, [&](auto kind, const WeightPlan& plan) {
    const WeightProduct product{grid,  layer.x.data, {dz, columns, grid.windows, columns},
                                terms, columns,      plan.windows_per_slice};
    float* bias_partial = bias ? partial + plan.slices * dw.size() : nullptr;
    float* out = plan.slices == 1 ? dw.data : partial;
    with_precision(precision, [&](auto constant) {
      check(launch(stream, plan.shape, multiply_by_gradients<decltype(kind), constant>, product, out,
                   bias_partial));
    });
    if (plan.slices > 1) add_slices(partial, plan.slices, dw.size(), dw.data, false, stream);
    if (bias) add_slices(bias_partial, plan.bias_rows, columns, bias, false, stream);
  });
}

}  // namespace regatta::device::cuda
