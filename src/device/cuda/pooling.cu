#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "check.hpp"
#include "divisor.hpp"
#include "image_kernels.hpp"
#include "lines.hpp"

namespace regatta::device::cuda {
namespace {

using formulas::Range;

/// The window of one output number: its first input number, and the rows and columns of it.
struct Window {
  Range rows, columns;

  constexpr Window(const Windows& windows, std::size_t i, std::size_t j)
      : rows(formulas::window_range(windows, i, windows.above, windows.input.height)),
        columns(formulas::window_range(windows, j, windows.left, windows.input.width)) {}

  constexpr float size() const {
    return static_cast<float>((rows.end - rows.first) * (columns.end - columns.first));
  }
};

/// Rows of pixels as lines of numbers.
struct PixelRows {
  PixelRows(const Image& image, std::size_t samples)
      : count(static_cast<std::uint32_t>(samples * image.height)),
        numbers(static_cast<std::uint32_t>(image.width * image.channels)),
        by_height(static_cast<std::uint32_t>(image.height)), by_channels(static_cast<std::uint32_t>(image.channels)) {}

  Shape shape() const { return lines_shape(count, numbers); }
  constexpr std::size_t at(std::uint32_t row, std::uint32_t number) const { return std::size_t{row} * numbers + number; }

  std::uint32_t count, numbers;
  Divisor by_height, by_channels;
};

/// One thread per output number.
__global__ void pool_windows(Pool layer, PixelRows rows) {
  const Image& in = layer.windows.input;
  const std::uint32_t row = line_of_thread(), number = number_in_line();
  if (row >= rows.count || number >= rows.numbers) return;
  const Division sample = rows.by_height(row), place = rows.by_channels(number);
  const Window window(layer.windows, sample.remainder, place.quotient);
  const float* x = layer.x.data + sample.quotient * in.size() + place.remainder;
  float largest = x[(window.rows.first * in.width + window.columns.first) * in.channels], sum = 0;
  for (std::size_t i = window.rows.first; i < window.rows.end; ++i)
    for (std::size_t j = window.columns.first; j < window.columns.end; ++j) {
      const float value = x[(i * in.width + j) * in.channels];
      largest = formulas::larger(largest, value);
      sum += value;
    }
  layer.y.data[rows.at(row, number)] = layer.kind == PoolKind::Max ? largest : sum / window.size();
}

/// Whether (i, j) is the first place of the window with its largest number `top`.
constexpr bool is_first(const Window& window, const float* x, const Image& in, std::size_t i, std::size_t j, float top) {
  for (std::size_t a = window.rows.first; a <= i; ++a)
    for (std::size_t b = window.columns.first; b < (a < i ? window.columns.end : j); ++b)
      if (x[(a * in.width + b) * in.channels] == top) return false;
  return x[(i * in.width + j) * in.channels] == top;
}

/// Outputs along an axis whose windows see a place.
/// @param place  counted from the first place of the first window
constexpr Range outputs_of(const Windows& windows, const Divisor& by_stride, std::size_t place, std::size_t outputs) {
  const auto at = static_cast<std::uint32_t>(place), side = static_cast<std::uint32_t>(windows.side);
  const auto stride = static_cast<std::uint32_t>(windows.stride);
  const std::uint32_t first = at + 1 > side ? by_stride(at - side + stride).quotient : 0, end = by_stride(at).quotient + 1;
  return {first, end < outputs ? end : outputs};
}

/// One thread per input number adds up what it gets from all windows that see it.
__global__ void spread_windows(Pool layer, const float* dy, float* dx, PixelRows rows, Divisor by_stride) {
  const Windows& windows = layer.windows;
  const Image &in = windows.input, &out = windows.output;
  const std::uint32_t row = line_of_thread(), number = number_in_line();
  if (row >= rows.count || number >= rows.numbers) return;
  const Division sample = rows.by_height(row), place = rows.by_channels(number);
  const Range outer = outputs_of(windows, by_stride, sample.remainder + windows.above, out.height);
  const Range inner = outputs_of(windows, by_stride, place.quotient + windows.left, out.width);
  const float* x = layer.x.data + sample.quotient * in.size() + place.remainder;
  float sum = 0;
  for (std::size_t i = outer.first; i < outer.end; ++i)
    for (std::size_t j = inner.first; j < inner.end; ++j) {
      const Window window(windows, i, j);
      const std::size_t from = sample.quotient * out.size() + (i * out.width + j) * out.channels + place.remainder;
      if (layer.kind == PoolKind::Average)
        sum += dy[from] / window.size();
      else if (is_first(window, x, in, sample.remainder, place.quotient, layer.y.data[from]))
        sum += dy[from];
    }
  dx[rows.at(row, number)] = sum;
}

/// Whether each input number is in one window.
bool divides(const Windows& windows) {
  return windows.stride == windows.side && windows.above == 0 && windows.left == 0 &&
         windows.output.height * windows.side >= windows.input.height && windows.output.width * windows.side >= windows.input.width;
}

/// The same where windows divide the image: one thread per output number fills its window.
__global__ void fill_windows(Pool layer, const float* dy, float* dx, PixelRows rows) {
  const Image& in = layer.windows.input;
  const std::uint32_t row = line_of_thread(), number = number_in_line();
  if (row >= rows.count || number >= rows.numbers) return;
  const Division sample = rows.by_height(row), place = rows.by_channels(number);
  const Window window(layer.windows, sample.remainder, place.quotient);
  const std::size_t first = sample.quotient * in.size() + place.remainder;
  const float top = layer.y.data[rows.at(row, number)], slope = dy[rows.at(row, number)];
  const bool average = layer.kind == PoolKind::Average;
  bool found = false;
  for (std::size_t i = window.rows.first; i < window.rows.end; ++i)
    for (std::size_t j = window.columns.first; j < window.columns.end; ++j) {
      const std::size_t at = first + (i * in.width + j) * in.channels;
      const bool takes = !found && layer.x.data[at] == top;
      found = found || takes;
      dx[at] = average ? slope / window.size() : takes ? slope : 0.0f;
    }
}

template <Activation kind, unsigned width>
__global__ void add_numbers(Sum sum) {
  for (std::size_t i = line_first() * width; i < sum.y.size(); i += line_step() * width) {
    const Numbers<width> a = Numbers<width>::of(sum.a.data + i), b = Numbers<width>::of(sum.b.data + i);
    Numbers<width> y;
    for (unsigned k = 0; k < width; ++k) y.at[k] = formulas::activate<kind>(a.at[k] + b.at[k]);
    Numbers<width>::of(sum.y.data + i) = y;
  }
}

/// dL/d(a + b). Only Gelu's is no function of y, which is read in place of a and b.
template <Activation kind, unsigned width>
__global__ void sum_slopes(Sum sum, const float* y, float* a, float* b) {
  for (std::size_t i = line_first() * width; i < sum.y.size(); i += line_step() * width) {
    const Numbers<width> after = Numbers<width>::of(sum.y.data + i);
    Numbers<width> before = after, slopes = Numbers<width>::of(y + i);
    if (kind == Activation::Gelu)
      for (unsigned k = 0; k < width; ++k) before.at[k] = sum.a.data[i + k] + sum.b.data[i + k];
    for (unsigned k = 0; k < width; ++k) slopes.at[k] *= formulas::slope<kind>(before.at[k], after.at[k]);
    Numbers<width>::of(a + i) = Numbers<width>::of(b + i) = slopes;
  }
}

__global__ void augment_rows(MatrixView<const float> source, const std::int32_t* rows, Augmentation augmentation,
                             MatrixView<float> batch, Divisor by_channels, Divisor by_width) {
  const std::uint32_t r = line_of_thread(), number = number_in_line();
  if (r >= batch.rows || number >= batch.columns) return;
  const Image& image = augmentation.image;
  const formulas::Cut cut = formulas::cut_of(augmentation, rows[r]);
  const float* from = source.data + static_cast<std::size_t>(rows[r]) * source.columns;
  const Division pixel = by_channels(number), place = by_width(pixel.quotient);
  const std::size_t origin = formulas::pixel_at(augmentation, cut, place.quotient, place.remainder);
  batch.data[r * batch.columns + number] =
      origin < image.pixels() ? from[origin * image.channels + pixel.remainder] : 0.0f;
}

}  // namespace

void pool(const Pool& layer, Stream& stream) {
  const PixelRows rows(layer.windows.output, layer.x.rows);
  check(launch(stream, rows.shape(), pool_windows, layer, rows));
}

void pool_gradient(const Pool& layer, const float* y, float* x, Stream& stream) {
  if (divides(layer.windows)) {
    const PixelRows rows(layer.windows.output, layer.x.rows);
    return check(launch(stream, rows.shape(), fill_windows, layer, y, x, rows));
  }
  const PixelRows rows(layer.windows.input, layer.x.rows);
  const Divisor by_stride(static_cast<std::uint32_t>(layer.windows.stride));
  check(launch(stream, rows.shape(), spread_windows, layer, y, x, rows, by_stride));
}

void add(const Sum& sum, Stream& stream) {
  with_width(sum.y.size(), {sum.a.data, sum.b.data, sum.y.data}, [&](auto width) {
    with_constant(sum.activation, [&](auto kind) {
      check(launch(stream, line_shape(sum.y.size() / width), add_numbers<kind, width>, sum));
    });
  });
}

void sum_gradient(const Sum& sum, const float* y, float* a, float* b, Stream& stream) {
  with_width(sum.y.size(), {sum.y.data, y, a, b}, [&](auto width) {
    with_constant(sum.activation, [&](auto kind) {
      check(launch(stream, line_shape(sum.y.size() / width), sum_slopes<kind, width>, sum, y, a, b));
    });
  });
}

void augment(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
             MatrixView<float> batch, Stream& stream) {
  const Divisor by_channels(static_cast<std::uint32_t>(augmentation.image.channels));
  const Divisor by_width(static_cast<std::uint32_t>(augmentation.image.width));
  check(launch(stream, lines_shape(batch.rows, batch.columns), augment_rows, source, rows, augmentation, batch, by_channels,
               by_width));
}

}  // namespace regatta::device::cuda
