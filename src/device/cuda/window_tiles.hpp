#pragma once

#include <cstdint>
#include <type_traits>

#include "wide_tiles.hpp"
#include "window_grid.hpp"

// What the products of tiled_convolution.hpp have in common, and windows in the shared memory of a block.
namespace regatta::device::cuda {

constexpr unsigned tile_threads = 128, tile_stages = 4;  ///< of a block; chunks of weights in shared memory
constexpr unsigned blocks_at_once = 3;                   ///< that registers are left for on a processor

/// A kind of tile. A warp has warp_rows and warp_columns of it.
template <unsigned rows_, unsigned columns_, unsigned warp_rows_, unsigned warp_columns_>
struct WindowTile {
  static constexpr unsigned rows = rows_, columns = columns_, warp_rows = warp_rows_,
                            warp_columns = warp_columns_;
  static constexpr unsigned warps_across = columns / warp_columns;
  static_assert(rows / warp_rows * warps_across * warp == tile_threads);

  /// Of the calling thread's warp.
  static __device__ unsigned first_row() { return threadIdx.x / warp / warps_across * warp_rows; }
  static __device__ unsigned first_column() { return threadIdx.x / warp % warps_across * warp_columns; }
};

/// Calls work(constant) with a precision that is not Fp32, as a constant.
template <class Work>
auto with_precision(Precision precision, const Work& work) {
  if (precision == Precision::Bf16) return work(std::integral_constant<Precision, Precision::Bf16>());
  return work(std::integral_constant<Precision, Precision::Tf32>());
}

/// The pixels that the windows of a tile see, in shared memory, channels of one chunk at a time. As they are
/// rows of images as a whole, it does not matter where an image begins and ends.
struct Patch {
  static constexpr unsigned pitch = chunk_depth + 4;  ///< as Stage
  std::uint32_t first_row, pixels;

  __device__ Patch(const WindowGrid& grid, std::uint32_t first, std::uint32_t last) {
    const auto row_at = [&](std::uint32_t window, std::int32_t tap) {
      const WindowGrid::Place place = grid.place(window);
      return place.sample * grid.rows.length + grid.rows.nearest(grid.rows.begin(place.row) + tap);
    };
    first_row = row_at(first, 0);
    pixels =
        (row_at(last, static_cast<std::int32_t>(grid.rows.taps) - 1) + 1 - first_row) * grid.columns.length;
  }

  __device__ void start(float* to, const WindowGrid& grid, const float* image, std::uint32_t channel) const {
    const std::uint32_t channels = grid.channels;
    const float* from = image + std::size_t{first_row} * grid.columns.length * channels + channel;
    for (std::uint32_t i = threadIdx.x; i < pixels * (chunk_depth / 4); i += tile_threads) {
      const std::uint32_t pixel = i / (chunk_depth / 4), place = i % (chunk_depth / 4) * 4;
      copy_later<4>(to + pixel * pitch + place, from + std::size_t{pixel} * channels + place, 4);
    }
  }
};

/// The windows that are a thread's rows of a tile, in a patch.
template <unsigned count>
class OwnWindows {
 public:
  static constexpr unsigned most_taps = 16;  ///< along an axis

  /// @param first  the first one; the others are 8 apart
  __device__ OwnWindows(const WindowGrid& grid, std::uint32_t first, std::uint32_t first_row) {
    for (unsigned i = 0; i < count; ++i) {
      const WindowGrid::Place place = grid.place(std::min(first + 8 * i, grid.windows - 1));
      const std::int32_t row = grid.rows.begin(place.row), column = grid.columns.begin(place.column);
      const auto above = static_cast<std::int32_t>(place.sample * grid.rows.length - first_row);
      first_[i] = ((above + row) * static_cast<std::int32_t>(grid.columns.length) + column) *
                  static_cast<std::int32_t>(Patch::pitch);
      seen_[i] = seen(grid.rows, row) << most_taps | seen(grid.columns, column);
    }
  }

  /// Where the numbers of the windows lie at a tap: in the patch, or in zeros from 0 on.
  /// @param width  of the image
  /// @param patch  its first number
  __device__ void turn_to(std::uint32_t down, std::uint32_t right, std::uint32_t width, std::uint32_t patch) {
    const std::uint32_t both = 1u << (most_taps + down) | 1u << right;
    const auto tap = static_cast<std::int32_t>(patch + (down * width + right) * Patch::pitch);
    for (unsigned i = 0; i < count; ++i)
      at_[i] = (seen_[i] & both) == both ? static_cast<std::uint32_t>(first_[i] + tap) : 0;
  }
  __device__ std::uint32_t operator[](unsigned i) const { return at_[i]; }

 private:
  /// One bit for each tap.
  static __device__ std::uint32_t seen(const WindowAxis& axis, std::int32_t begin) {
    std::uint32_t bits = 0;
    for (std::uint32_t tap = 0; tap < axis.taps; ++tap)
      bits |= static_cast<std::uint32_t>(axis.has(begin + static_cast<std::int32_t>(tap))) << tap;
    return bits;
  }

  std::int32_t first_[count];
  std::uint32_t seen_[count], at_[count];
};

}  // namespace regatta::device::cuda
