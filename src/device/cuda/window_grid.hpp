#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "divisor.hpp"
#include "regatta/device/image.hpp"

// Where the windows of a convolution lie that a product's rows are, one row for each of them. Those of the
// way back are windows, too: an input pixel sees the outputs whose windows it is in.
namespace regatta::device::cuda {

/// One dimension of a grid of windows.
struct WindowAxis {
  std::uint32_t count;        ///< windows
  std::uint32_t length;       ///< of the image that they see [pixels]
  std::int32_t step, before;  ///< window i begins at i step - before, which may lie outside
  std::uint32_t taps;         ///< pixels of a window; 0: it sees nothing
  std::int32_t first_weight,
      weight_step;  ///< row or column of the weights for tap t: first_weight + t weight_step
  std::uint32_t results, first_result,
      result_step;  ///< window i is pixel first_result + i result_step of as many
  Divisor by_count;

  constexpr std::int32_t begin(std::uint32_t window) const {
    return static_cast<std::int32_t>(window) * step - before;
  }
  /// Nearest pixel of the image.
  constexpr std::uint32_t nearest(std::int32_t place) const {
    return static_cast<std::uint32_t>(std::clamp(place, 0, static_cast<std::int32_t>(length) - 1));
  }
  constexpr bool has(std::int32_t place) const { return static_cast<std::uint32_t>(place) < length; }
  constexpr std::uint32_t weight(std::uint32_t tap) const {
    return static_cast<std::uint32_t>(first_weight + static_cast<std::int32_t>(tap) * weight_step);
  }
};

/// Rows and columns of windows in each sample.
struct WindowGrid {
  WindowAxis rows, columns;
  std::uint32_t windows;   ///< of all samples
  std::uint32_t channels;  ///< of the image that they see

  struct Place {
    std::uint32_t sample, row, column;
  };
  constexpr Place place(std::uint32_t window) const {
    const Division row = columns.by_count(window), sample = rows.by_count(row.quotient);
    return {sample.quotient, sample.remainder, row.remainder};
  }
  constexpr std::uint32_t taps() const { return rows.taps * columns.taps; }
  /// The pixel that a window's result is, counted over all samples.
  constexpr std::uint32_t result(std::uint32_t window) const {
    const Place at = place(window);
    const std::uint32_t row = at.sample * rows.results + rows.first_result + at.row * rows.result_step;
    return row * columns.results + columns.first_result + at.column * columns.result_step;
  }
};

/// Windows of the inputs, one for each output pixel.
WindowGrid output_grid(const Windows& windows, std::size_t samples);

/// Windows of the outputs, one for each input pixel of which row and column are `down` and `right` more than
/// multiples of the stride: all of these are seen by outputs through the same taps. There may be none.
WindowGrid input_grid(const Windows& windows, std::size_t samples, std::size_t down, std::size_t right);

/// Rows of pixels, counted over all samples, that the windows of `count` neighbouring rows of a product see:
/// at most so many.
/// @param count  their first one is a multiple of it
std::uint32_t most_rows_seen(const WindowGrid& grid, std::uint32_t count);

}  // namespace regatta::device::cuda
