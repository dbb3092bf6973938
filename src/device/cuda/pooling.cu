#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "check.hpp"
#include "image_kernels.hpp"
#include "launch.hpp"

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

/// One thread per output number.
__global__ void pool_windows(Pool layer) {
  const Image &in = layer.windows.input, &out = layer.windows.output;
  const std::size_t sample = row_of_thread();
  if (sample >= layer.x.rows) return;
  for (std::size_t at = column_first(); at < out.size(); at += column_step()) {
    const std::size_t c = at % out.channels, pixel = at / out.channels;
    const Window window(layer.windows, pixel / out.width, pixel % out.width);
    const float* x = layer.x.data + sample * in.size() + c;
    float largest = x[(window.rows.first * in.width + window.columns.first) * in.channels], sum = 0;
    for (std::size_t i = window.rows.first; i < window.rows.end; ++i)
      for (std::size_t j = window.columns.first; j < window.columns.end; ++j) {
        const float number = x[(i * in.width + j) * in.channels];
        largest = formulas::larger(largest, number);
        sum += number;
      }
    layer.y.data[sample * out.size() + at] = layer.kind == PoolKind::Max ? largest : sum / window.size();
  }
}

/// Whether (i, j) is the first place of the window with its largest number `top`.
constexpr bool is_first(const Window& window, const float* x, const Image& in, std::size_t i, std::size_t j, float top) {
  for (std::size_t a = window.rows.first; a <= i; ++a)
    for (std::size_t b = window.columns.first; b < (a < i ? window.columns.end : j); ++b)
      if (x[(a * in.width + b) * in.channels] == top) return false;
  return x[(i * in.width + j) * in.channels] == top;
}

/// Outputs along an axis whose windows see place `i`.
constexpr Range outputs_of(const Windows& windows, std::size_t i, std::size_t before, std::size_t outputs) {
  const std::size_t last = (i + before) / windows.stride;
  const std::size_t start = i + before + 1, first = start > windows.side ? start - windows.side : 0;
  return {(first + windows.stride - 1) / windows.stride, last + 1 < outputs ? last + 1 : outputs};
}

/// One thread per input number adds up what it gets from all windows that see it.
__global__ void spread_windows(Pool layer, const float* dy, float* dx) {
  const Windows& windows = layer.windows;
  const Image &in = windows.input, &out = windows.output;
  const std::size_t sample = row_of_thread();
  if (sample >= layer.x.rows) return;
  for (std::size_t at = column_first(); at < in.size(); at += column_step()) {
    const std::size_t c = at % in.channels, row = at / in.channels / in.width, column = at / in.channels % in.width;
    const Range rows = outputs_of(windows, row, windows.above, out.height);
    const Range columns = outputs_of(windows, column, windows.left, out.width);
    const float* x = layer.x.data + sample * in.size() + c;
    float sum = 0;
    for (std::size_t i = rows.first; i < rows.end; ++i)
      for (std::size_t j = columns.first; j < columns.end; ++j) {
        const Window window(windows, i, j);
        const std::size_t place = sample * out.size() + (i * out.width + j) * out.channels + c;
        if (layer.kind == PoolKind::Average)
          sum += dy[place] / window.size();
        else if (is_first(window, x, in, row, column, layer.y.data[place]))
          sum += dy[place];
      }
    dx[sample * in.size() + at] = sum;
  }
}

template <Activation kind>
__global__ void add_numbers(Sum sum) {
  for (std::size_t i = line_first(); i < sum.y.size(); i += line_step())
    sum.y.data[i] = formulas::activate<kind>(sum.a.data[i] + sum.b.data[i]);
}

template <Activation kind>
__global__ void sum_slopes(Sum sum, const float* y, float* a, float* b) {
  for (std::size_t i = line_first(); i < sum.y.size(); i += line_step())
    a[i] = b[i] = y[i] * formulas::slope<kind>(sum.a.data[i] + sum.b.data[i], sum.y.data[i]);
}

auto add_kernel(Activation kind) {
  return with_constant(kind, [](auto constant) { return add_numbers<constant>; });
}

auto slope_kernel(Activation kind) {
  return with_constant(kind, [](auto constant) { return sum_slopes<constant>; });
}

__global__ void augment_rows(MatrixView<const float> source, const std::int32_t* rows, Augmentation augmentation,
                             MatrixView<float> batch) {
  const std::size_t r = row_of_thread();
  if (r >= batch.rows) return;
  const Image& image = augmentation.image;
  const formulas::Cut cut = formulas::cut_of(augmentation, rows[r]);
  const float* from = source.data + static_cast<std::size_t>(rows[r]) * source.columns;
  for (std::size_t at = column_first(); at < batch.columns; at += column_step()) {
    const std::size_t pixel = at / image.channels;
    const std::size_t origin = formulas::pixel_at(augmentation, cut, pixel / image.width, pixel % image.width);
    batch.data[r * batch.columns + at] =
        origin < image.pixels() ? from[origin * image.channels + at % image.channels] : 0.0f;
  }
}

}  // namespace

void pool(const Pool& layer, Stream& stream) {
  check(launch(stream, matrix_shape(layer.y.rows, layer.y.columns), pool_windows, layer));
}

void pool_gradient(const Pool& layer, const float* y, float* x, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows, layer.x.columns), spread_windows, layer, y, x));
}

void add(const Sum& sum, Stream& stream) {
  check(launch(stream, line_shape(sum.y.size()), add_kernel(sum.activation), sum));
}

void sum_gradient(const Sum& sum, const float* y, float* a, float* b, Stream& stream) {
  check(launch(stream, line_shape(sum.y.size()), slope_kernel(sum.activation), sum, y, a, b));
}

void augment(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
             MatrixView<float> batch, Stream& stream) {
  check(launch(stream, matrix_shape(batch.rows, batch.columns), augment_rows, source, rows, augmentation, batch));
}

}  // namespace regatta::device::cuda
