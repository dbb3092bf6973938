#include "check.hpp"
#include "image_kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

/// A place within a window: row, column, channel.
struct Place {
  std::size_t i, j, c;
};

constexpr Place place_of(std::size_t number, std::size_t width, std::size_t channels) {
  return {number / channels / width, number / channels % width, number % channels};
}

/// One row per output pixel, which holds its window; one thread per number.
__global__ void unroll_windows(Windows windows, const float* x, float* rows, std::size_t count) {
  const std::size_t row = row_of_thread(), columns = terms_of(windows);
  if (row >= count) return;
  const Image &in = windows.input, &out = windows.output;
  const float* sample = x + row / out.pixels() * in.size();
  const Place pixel = place_of(row % out.pixels(), out.width, 1);
  for (std::size_t k = column_first(); k < columns; k += column_step()) {
    const Place place = place_of(k, windows.side, in.channels);
    const std::size_t i = pixel.i * windows.stride + place.i - windows.above;  // wraps above the image
    const std::size_t j = pixel.j * windows.stride + place.j - windows.left;
    const bool inside = i < in.height && j < in.width;
    rows[row * columns + k] = inside ? sample[(i * in.width + j) * in.channels + place.c] : 0.0f;
  }
}

/// dL/dx from the gradients of the windows: one thread per input adds up its places in all windows that see it.
__global__ void roll_up_windows(Windows windows, const float* rows, float* x, std::size_t samples) {
  const Image &in = windows.input, &out = windows.output;
  const std::size_t sample = row_of_thread(), columns = terms_of(windows);
  if (sample >= samples) return;
  for (std::size_t at = column_first(); at < in.size(); at += column_step()) {
    const Place place = place_of(at, in.width, in.channels);
    float sum = 0;
    for (std::size_t a = 0; a < windows.side; ++a)
      for (std::size_t b = 0; b < windows.side; ++b) {
        const std::size_t down = place.i + windows.above - a, right = place.j + windows.left - b;
        const std::size_t i = down / windows.stride, j = right / windows.stride;
        if (down % windows.stride != 0 || right % windows.stride != 0 || i >= out.height || j >= out.width) continue;
        const std::size_t row = (sample * out.height + i) * out.width + j;
        sum += rows[row * columns + (a * windows.side + b) * in.channels + place.c];
      }
    x[sample * in.size() + at] = sum;
  }
}

}  // namespace

void unroll(const Windows& windows, const float* x, std::size_t samples, float* rows, Stream& stream) {
  const std::size_t count = samples * windows.output.pixels();
  check(launch(stream, matrix_shape(count, terms_of(windows)), unroll_windows, windows, x, rows, count));
}

void roll_up(const Windows& windows, const float* rows, std::size_t samples, float* x, Stream& stream) {
  check(launch(stream, matrix_shape(samples, windows.input.size()), roll_up_windows, windows, rows, x, samples));
}

}  // namespace regatta::device::cuda
