#include "window_grid.hpp"

namespace regatta::device::cuda {
namespace {

std::uint32_t narrow(std::size_t size) { return static_cast<std::uint32_t>(size); }
std::int32_t whole(std::size_t size) { return static_cast<std::int32_t>(size); }

/// @param before  rows or columns of the first window outside of the image
WindowAxis output_axis(const Windows& windows, std::size_t inputs, std::size_t outputs, std::size_t before) {
  return {narrow(outputs),
          narrow(inputs),
          whole(windows.stride),
          whole(before),
          narrow(windows.side),
          0,
          1,
          narrow(outputs),
          0,
          1,
          Divisor(narrow(outputs))};
}

/// Input place + i stride is the tap first_tap + j stride of output (place + before) / stride + i - j.
WindowAxis input_axis(const Windows& windows, std::size_t inputs, std::size_t outputs, std::size_t before,
                      std::size_t place) {
  const std::size_t stride = windows.stride, first_tap = (place + before) % stride;
  const std::uint32_t count = narrow(place < inputs ? (inputs - place + stride - 1) / stride : 0);
  const std::int32_t taps =
      whole(first_tap < windows.side ? (windows.side - first_tap + stride - 1) / stride : 0);
  const std::int32_t last_tap = whole(first_tap) + (taps - 1) * whole(stride);
  return {count,
          narrow(outputs),
          1,
          taps - 1 - whole((place + before) / stride),
          static_cast<std::uint32_t>(taps),
          last_tap,
          -whole(stride),
          narrow(inputs),
          narrow(place),
          narrow(stride),
          Divisor(std::max(count, 1u))};
}

WindowGrid grid_of(const WindowAxis& rows, const WindowAxis& columns, std::size_t samples,
                   std::size_t channels) {
  return {rows, columns, narrow(samples) * rows.count * columns.count, narrow(channels)};
}

}  // namespace

WindowGrid output_grid(const Windows& windows, std::size_t samples) {
  return grid_of(output_axis(windows, windows.input.height, windows.output.height, windows.above),
                 output_axis(windows, windows.input.width, windows.output.width, windows.left), samples,
                 windows.input.channels);
}

WindowGrid input_grid(const Windows& windows, std::size_t samples, std::size_t down, std::size_t right) {
  return grid_of(input_axis(windows, windows.input.height, windows.output.height, windows.above, down),
                 input_axis(windows, windows.input.width, windows.output.width, windows.left, right), samples,
                 windows.output.channels);
}

std::uint32_t most_rows_seen(const WindowGrid& grid, std::uint32_t count) {
  const WindowAxis& axis = grid.rows;
  const auto height = whole(axis.count), length = whole(axis.length), taps = whole(axis.taps);
  const bool begins_row = count % grid.columns.count == 0;
  const std::int32_t rows = whole(begins_row ? count / grid.columns.count
                                             : (count + grid.columns.count - 2) / grid.columns.count + 1);
  const bool begins_sample = begins_row && rows % height == 0;
  const std::int32_t samples = begins_sample                      ? rows / height
                               : begins_row && height % rows == 0 ? 1
                                                                  : (rows + height - 2) / height + 1;
  // Beyond `step` for each row: from one sample to the next, and where a window that is quite outside sees
  // the nearest row.
  const std::int32_t between = (samples - 1) * std::max(0, length - height * axis.step);
  const std::int32_t below = std::max(0, (height - 1) * axis.step - axis.before - length + 1);
  const std::int32_t above = std::max(0, axis.before - taps + 1);
  return static_cast<std::uint32_t>(
      std::min(samples * length, (rows - 1) * axis.step + taps + between + below + above));
}

}  // namespace regatta::device::cuda
