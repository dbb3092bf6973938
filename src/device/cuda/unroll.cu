#include "check.hpp"
#include "divisor.hpp"
#include "image_kernels.hpp"
#include "lines.hpp"

namespace regatta::device::cuda {
namespace {

/// Windows in 32 bits.
struct Sizes {
  explicit Sizes(const Windows& windows)
      : height(narrow(windows.input.height)), row_numbers(narrow(windows.input.width * windows.input.channels)),
        channels(narrow(windows.input.channels)), out_height(narrow(windows.output.height)),
        out_width(narrow(windows.output.width)), side(narrow(windows.side)), stride(narrow(windows.stride)),
        above(narrow(windows.above)), left(narrow(windows.left)), terms(narrow(terms_of(windows))), by_height(height),
        by_channels(channels), by_out_height(out_height), by_out_width(out_width), by_stride(stride),
        by_window_row(side * channels) {}

  static std::uint32_t narrow(std::size_t size) { return static_cast<std::uint32_t>(size); }

  std::uint32_t height, row_numbers, channels;  ///< of the image
  std::uint32_t out_height, out_width, side, stride, above, left, terms;
  Divisor by_height, by_channels, by_out_height, by_out_width, by_stride, by_window_row;
};

/// One line per output pixel, which holds its window; one thread per number. A row of a window is a part of a row of pixels.
template <class T>
__global__ void unroll_windows(Sizes sizes, const T* x, T* lines, std::uint32_t count, std::uint32_t length) {
  const std::uint32_t line = line_of_thread(), number = number_in_line();
  if (line >= count || number >= length) return;
  const Division row = sizes.by_out_width(line), sample = sizes.by_out_height(row.quotient);
  const Division within = sizes.by_window_row(number);
  const std::uint32_t i = sample.remainder * sizes.stride + within.quotient - sizes.above;  // wraps above the image
  const std::uint32_t at = (row.remainder * sizes.stride - sizes.left) * sizes.channels + within.remainder;
  const bool inside = number < sizes.terms && i < sizes.height && at < sizes.row_numbers;
  const std::size_t image_row = std::size_t{sample.quotient} * sizes.height + i;
  lines[std::size_t{line} * length + number] = inside ? x[image_row * sizes.row_numbers + at] : T{};
}

__device__ inline void add_to(float& sum, float number) { sum += number; }
__device__ inline void add_to(float4& sum, const float4& number) {
  sum.x += number.x;
  sum.y += number.y;
  sum.z += number.z;
  sum.w += number.w;
}

/// dL/dx from the gradients of the windows: one thread per input adds up its places in all windows that see it. Going down
/// (or right) by a stride within the window is going up (or left) by one window.
template <class T>
__global__ void roll_up_windows(Sizes sizes, const T* lines, T* x, std::uint32_t image_rows) {
  const std::uint32_t image_row = line_of_thread(), number = number_in_line();
  if (image_row >= image_rows || number >= sizes.row_numbers) return;
  const Division sample = sizes.by_height(image_row), place = sizes.by_channels(number);
  const Division down = sizes.by_stride(sample.remainder + sizes.above), right = sizes.by_stride(place.quotient + sizes.left);
  T sum{};
  for (std::uint32_t a = down.remainder, i = down.quotient; a < sizes.side; a += sizes.stride, --i) {
    if (i >= sizes.out_height) continue;
    const std::size_t first_line = (std::size_t{sample.quotient} * sizes.out_height + i) * sizes.out_width;
    const T* from = lines + first_line * sizes.terms + a * sizes.side * sizes.channels + place.remainder;
    for (std::uint32_t b = right.remainder, j = right.quotient; b < sizes.side; b += sizes.stride, --j)
      if (j < sizes.out_width) add_to(sum, from[j * sizes.terms + b * sizes.channels]);
  }
  x[std::size_t{image_row} * sizes.row_numbers + number] = sum;
}

/// Whether a float4 of four channels can stand for each number; then `windows` has a quarter of the channels.
bool takes_fours(Windows& windows, const float* x, const float* lines) {
  if (windows.input.channels % 4 != 0 || !are_aligned({x, lines})) return false;
  windows.input.channels /= 4;
  return true;
}

template <class T>
void unroll_as(const Windows& windows, const float* x, std::size_t samples, float* lines, std::size_t length, Stream& stream) {
  const std::size_t count = samples * windows.output.pixels();
  check(launch(stream, lines_shape(count, length), unroll_windows<T>, Sizes(windows), reinterpret_cast<const T*>(x),
               reinterpret_cast<T*>(lines), static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(length)));
}

template <class T>
void roll_up_as(const Windows& windows, const float* lines, std::size_t samples, float* x, Stream& stream) {
  const std::size_t rows = samples * windows.input.height;
  check(launch(stream, lines_shape(rows, windows.input.width * windows.input.channels), roll_up_windows<T>, Sizes(windows),
               reinterpret_cast<const T*>(lines), reinterpret_cast<T*>(x), static_cast<std::uint32_t>(rows)));
}

}  // namespace

void unroll(const Windows& windows, const float* x, std::size_t samples, float* rows, std::size_t row_numbers, Stream& stream) {
  Windows taken = windows;
  if (takes_fours(taken, x, rows)) unroll_as<float4>(taken, x, samples, rows, row_numbers / 4, stream);
  else unroll_as<float>(taken, x, samples, rows, row_numbers, stream);
}

void roll_up(const Windows& windows, const float* rows, std::size_t samples, float* x, Stream& stream) {
  Windows taken = windows;
  if (takes_fours(taken, x, rows)) roll_up_as<float4>(taken, rows, samples, x, stream);
  else roll_up_as<float>(taken, rows, samples, x, stream);
}

}  // namespace regatta::device::cuda
