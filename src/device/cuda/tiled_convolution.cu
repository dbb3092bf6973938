#include "tiled_convolution.hpp"

#include <algorithm>

#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "alignment.hpp"
#include "check.hpp"
#include "image_kernels.hpp"
#include "window_tiles.hpp"

namespace regatta::device::cuda {
namespace {

constexpr unsigned windows_of_tile = 128, narrow_columns = 32;
using NarrowTile = WindowTile<windows_of_tile, narrow_columns, 32, 32>;
using BroadTile = WindowTile<windows_of_tile, 64, 64, 32>;

/// Windows times weights.
struct WindowProduct {
  WindowGrid grid;
  const float* pixels;  ///< of the image that is seen
  Factor weights;
  std::uint32_t tap_depth;  ///< steps of the weights' depth from tap to tap
  std::uint32_t side;       ///< taps of a row of weights
  std::uint32_t columns;    ///< of the result
  std::uint32_t patch_numbers, patches;
};

/// Where the result goes: a row of `columns` numbers for each pixel.
struct ResultSink {
  float *z, *y;
  const float* bias;
  Activation activation;
};

/// A chunk of the depth: some channels at one tap. All taps come before the next channels.
struct Chunk {
  std::uint32_t slice = 0, down = 0, right = 0;

  __device__ bool begins_slice() const { return down == 0 && right == 0; }
  __device__ void advance(const WindowGrid& grid) {
    if (++right < grid.columns.taps) return;
    right = 0;
    if (++down < grid.rows.taps) return;
    down = 0;
    ++slice;
  }
};

template <unsigned columns, bool along_depth>
constexpr unsigned weight_numbers = Stage<along_depth, columns>::lines* Stage<along_depth, columns>::pitch;

/// The sums of a warp's part of a tile, from window `first` and column `first_column` on.
template <Activation kind, bool way_back, class Sums>
__device__ void put_results(Sums& sums, const WindowProduct& product, const ResultSink& sink,
                            std::uint32_t first, std::uint32_t first_column) {
  sums.each([&](unsigned row, unsigned own_column, float sum, float next) {
    const std::uint32_t window = first + row, column = first_column + own_column;
    if (window >= product.grid.windows || column >= product.columns) return;
    const std::size_t place = std::size_t{product.grid.result(window)} * product.columns + column;
    float2 z{sum, next};
    if constexpr (!way_back) {
      z = {sum + sink.bias[column], next + sink.bias[column + 1]};
      if (sink.z != sink.y) *reinterpret_cast<float2*>(sink.z + place) = z;
    }
    *reinterpret_cast<float2*>(sink.y + place) = {formulas::activate<kind>(z.x),
                                                  formulas::activate<kind>(z.y)};
  });
}

/// @tparam way_back  whether the result is dL/dx: the lines of weights lie along the depth, and nothing is
/// added to the sums
template <class Kind, Precision precision, bool way_back>
__global__ void __launch_bounds__(tile_threads, blocks_at_once)
    multiply_windows(WindowProduct product, ResultSink sink) {
  using Weights = Stage<way_back, Kind::columns>;
  const WindowGrid& grid = product.grid;
  float* shared = shared_numbers();  // zeros, then patches, then chunks of weights
  if (threadIdx.x < chunk_depth) shared[threadIdx.x] = 0;
  const auto patch_at = [=](std::uint32_t slice) {
    return chunk_depth + slice % product.patches * product.patch_numbers;
  };
  const auto weights_at = [=](std::uint32_t chunk) {
    return chunk_depth + product.patches * product.patch_numbers +
           chunk % tile_stages * weight_numbers<Kind::columns, way_back>;
  };
  const std::uint32_t first = blockIdx.x * Kind::rows, first_column = blockIdx.y * Kind::columns;
  const Patch patch(grid, first, std::min(first + Kind::rows, grid.windows) - 1);
  OwnWindows<Kind::warp_rows / 8> windows(grid, first + Kind::first_row() + threadIdx.x % warp / 4,
                                          patch.first_row);
  const Carrier<way_back, true, Kind::columns, tile_threads> weights(product.weights, first_column,
                                                                     threadIdx.x);

  const std::uint32_t chunks = grid.channels / chunk_depth * grid.taps();
  Chunk next, now;
  const auto start = [&](std::uint32_t number) {
    if (number < chunks) {
      const std::uint32_t channel = next.slice * chunk_depth;
      if (next.begins_slice()) patch.start(shared + patch_at(next.slice), grid, product.pixels, channel);
      const std::uint32_t tap = grid.rows.weight(next.down) * product.side + grid.columns.weight(next.right);
      weights.start(shared + weights_at(number), tap * product.tap_depth + channel, chunk_depth);
      next.advance(grid);
    }
    end_group();
  };
  WarpSums<Kind> sums;
  for (std::uint32_t chunk = 0; chunk + 1 < tile_stages; ++chunk) start(chunk);
  REGATTA_UNROLL(1)
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    wait_for_copies<tile_stages - 2>();
    __syncthreads();
    start(chunk + tile_stages - 1);
    windows.turn_to(now.down, now.right, grid.columns.length, patch_at(now.slice));
    const float* stage = shared + weights_at(chunk) + Weights::at(Kind::first_column(), 0);
    sums.template add_rounded_chunk<precision>(
        [&](unsigned i, unsigned depth) { return shared[windows[i] + depth]; },
        [=](unsigned place, unsigned depth) { return stage[Weights::at(place, depth)]; });
    now.advance(grid);
  }
  const auto put_all = [&](auto kind) {
    put_results<kind, way_back>(sums, product, sink, first + Kind::first_row(),
                                first_column + Kind::first_column());
  };
  if constexpr (way_back)
    put_all(std::integral_constant<Activation, Activation::Identity>());
  else
    with_constant(sink.activation, put_all);
}

template <bool way_back>
constexpr unsigned weight_numbers_of(std::size_t columns) {
  return columns > narrow_columns ? weight_numbers<BroadTile::columns, way_back>
                                  : weight_numbers<narrow_columns, way_back>;
}

/// For the patches of a product, of which those stay that the chunks on their way do not need.
void plan_patches(WindowProduct& product) {
  const WindowGrid& grid = product.grid;
  const std::uint32_t taps = std::max(grid.rows.taps * grid.columns.taps, 1u);
  product.patch_numbers =
      most_rows_seen(grid, std::min(windows_of_tile, grid.windows)) * grid.columns.length * Patch::pitch;
  product.patches = 1 + (tile_stages - 1 + taps - 1) / taps;
}

template <bool way_back>
std::size_t shared_bytes(const WindowProduct& product) {
  return sizeof(float) * (chunk_depth + std::size_t{product.patches} * product.patch_numbers +
                          tile_stages * weight_numbers_of<way_back>(product.columns));
}

WindowProduct output_product(const Convolution& layer) {
  const auto columns = static_cast<std::uint32_t>(layer.weights.columns),
             terms = static_cast<std::uint32_t>(layer.weights.rows);
  const Windows& windows = layer.windows;
  WindowProduct product{output_grid(windows, layer.x.rows),
                        layer.x.data,
                        {layer.weights.data, columns, terms, columns},
                        static_cast<std::uint32_t>(windows.input.channels),
                        static_cast<std::uint32_t>(windows.side),
                        columns,
                        0,
                        0};
  plan_patches(product);
  return product;
}

/// @param grid  an input_grid() that is not empty
WindowProduct input_product(const Convolution& layer, const float* dz, const WindowGrid& grid) {
  const auto filters = static_cast<std::uint32_t>(layer.weights.columns),
             terms = static_cast<std::uint32_t>(layer.weights.rows);
  const auto channels = static_cast<std::uint32_t>(layer.windows.input.channels);
  // A line of weights goes on at the next tap: as far as the depth is concerned it ends with the weights.
  WindowProduct product{grid,
                        dz,
                        {layer.weights.data, filters, channels, terms * filters},
                        channels * filters,
                        static_cast<std::uint32_t>(layer.windows.side),
                        channels,
                        0,
                        0};
  plan_patches(product);
  return product;
}

/// Calls work(product) for the input pixels of each place within a stride.
template <class Work>
void for_input_products(const Convolution& layer, const float* dz, const Work& work) {
  for (std::size_t down = 0; down < layer.windows.stride; ++down)
    for (std::size_t right = 0; right < layer.windows.stride; ++right)
      if (const WindowGrid grid = input_grid(layer.windows, layer.x.rows, down, right); grid.windows > 0)
        work(input_product(layer, dz, grid));
}

template <Precision precision, bool way_back>
auto kernel_for(std::size_t columns) {
  return columns > narrow_columns ? multiply_windows<BroadTile, precision, way_back>
                                  : multiply_windows<NarrowTile, precision, way_back>;
}

template <bool way_back>
void launch_product(const WindowProduct& product, const ResultSink& sink, Precision precision,
                    Stream& stream) {
  const unsigned columns = product.columns > narrow_columns ? BroadTile::columns : narrow_columns;
  const Shape shape = {{static_cast<unsigned>(blocks_for(product.grid.windows, windows_of_tile)),
                        static_cast<unsigned>(blocks_for(product.columns, columns))},
                       {tile_threads},
                       shared_bytes<way_back>(product)};
  with_precision(precision, [&](auto constant) {
    check(launch(stream, shape, kernel_for<constant, way_back>(product.columns), product, sink));
  });
}

/// Where cuBLAS has enough to do with each number to be faster, even though it reads them from unrolled
/// windows.
constexpr std::size_t most_channels = 256, most_direct_terms = 128;
constexpr std::size_t most_shared_bytes = std::size_t{112} << 10;  // two blocks fit on a processor
constexpr std::size_t most_pixels = std::size_t{1} << 31;

bool suits(const Windows& windows) {
  static_assert(whole_chunks(1) == chunk_depth);
  const bool direct = windows.side == 1 && windows.stride == 1;
  const std::size_t channels = windows.input.channels, filters = windows.output.channels;
  if (whole_chunks(channels) != channels || whole_chunks(filters) != filters) return false;
  if (direct ? channels > most_direct_terms : channels < narrow_columns || channels > most_channels)
    return false;
  return filters >= narrow_columns && filters <= most_channels && windows.side <= OwnWindows<1>::most_taps &&
         windows.stride <= 4;
}

}  // namespace

bool fits_tiles(const Convolution& layer) {
  const Windows& windows = layer.windows;
  if (!suits(windows) ||
      layer.x.rows * std::max(windows.input.pixels(), windows.output.pixels()) >= most_pixels)
    return false;
  if (!are_aligned({layer.x.data, layer.weights.data, layer.z.data, layer.y.data})) return false;
  std::size_t bytes = shared_bytes<false>(output_product(layer));
  for_input_products(layer, nullptr, [&](const WindowProduct& product) {
    bytes = std::max(bytes, shared_bytes<true>(product));
  });
  return bytes <= most_shared_bytes;
}

void prepare_tiles() {
  for (const Precision precision : {Precision::Tf32, Precision::Bf16})
    with_precision(precision, [](auto constant) {
      for (const unsigned columns : {NarrowTile::columns, BroadTile::columns}) {
        constexpr auto shared = cudaFuncAttributeMaxDynamicSharedMemorySize;
        check(cudaFuncSetAttribute(kernel_for<constant, false>(columns), shared, most_shared_bytes));
        check(cudaFuncSetAttribute(kernel_for<constant, true>(columns), shared, most_shared_bytes));
      }
    });
}

void convolve_in_tiles(const Convolution& layer, Precision precision, Stream& stream) {
  launch_product<false>(output_product(layer), {layer.z.data, layer.y.data, layer.bias, layer.activation},
                        precision, stream);
}

void input_gradient_in_tiles(const Convolution& layer, const float* dz, MatrixView<float> dx,
                             Precision precision, Stream& stream) {
  for_input_products(layer, dz, [&](const WindowProduct& product) {
    launch_product<true>(product, {dx.data, dx.data, nullptr, Activation::Identity}, precision, stream);
  });
}

}  // namespace regatta::device::cuda
