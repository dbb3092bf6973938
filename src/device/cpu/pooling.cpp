#include <algorithm>
#include <cstddef>

#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "../activation_switch.hpp"
#include "image_loops.hpp"

// target_clones as in elementwise.cpp.
namespace regatta::device {
namespace {

using formulas::Range;

/// Calls `work`(output pixel, input pixels of its window, which lie in `rows` and `columns`) for one sample.
template <class Work>
[[gnu::always_inline]] inline void for_windows(const Windows& windows, const Work& work) {
  const Image& out = windows.output;
  for (std::size_t i = 0; i < out.height; ++i)
    for (std::size_t j = 0; j < out.width; ++j)
      work((i * out.width + j) * out.channels,
           formulas::window_range(windows, i, windows.above, windows.input.height),
           formulas::window_range(windows, j, windows.left, windows.input.width));
}

float share_of(const Range& rows, const Range& columns) {
  return 1.0f / static_cast<float>((rows.end - rows.first) * (columns.end - columns.first));
}

[[gnu::always_inline]] inline void pool_window(const Pool& layer, const float* x, const Range& rows,
                                               const Range& columns, float* y) {
  const std::size_t channels = layer.windows.output.channels, width = layer.windows.input.width;
  std::copy_n(x + (rows.first * width + columns.first) * channels, channels, y);
  for (std::size_t i = rows.first; i < rows.end; ++i)
    for (std::size_t j = columns.first; j < columns.end; ++j) {
      if (i == rows.first && j == columns.first) continue;
      const float* from = x + (i * width + j) * channels;
      if (layer.kind == PoolKind::Max)
#pragma GCC ivdep
        for (std::size_t c = 0; c < channels; ++c) y[c] = formulas::larger(y[c], from[c]);
      else
#pragma GCC ivdep
        for (std::size_t c = 0; c < channels; ++c) y[c] += from[c];
    }
  if (layer.kind == PoolKind::Max) return;
  const float share = share_of(rows, columns);
  for (std::size_t c = 0; c < channels; ++c) y[c] *= share;
}

/// The gradient of a largest number goes to the first place that has it.
[[gnu::always_inline]] inline void spread_window(const Pool& layer, const float* x, const float* y,
                                                 float* open, const Range& rows, const Range& columns,
                                                 float* dx) {
  const std::size_t channels = layer.windows.output.channels, width = layer.windows.input.width;
  for (std::size_t i = rows.first; i < rows.end; ++i)
    for (std::size_t j = columns.first; j < columns.end; ++j) {
      const std::size_t at = (i * width + j) * channels;
      if (layer.kind == PoolKind::Max)
#pragma GCC ivdep
        for (std::size_t c = 0; c < channels; ++c) {
          const float part = x[at + c] == y[c] ? open[c] : 0.0f;
          dx[at + c] += part;
          open[c] -= part;
        }
      else
#pragma GCC ivdep
        for (std::size_t c = 0; c < channels; ++c) dx[at + c] += open[c];
    }
}

template <Activation kind>
[[gnu::always_inline]] inline void add_rows(const Sum& sum) {
  const std::size_t count = sum.y.size();
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i)
    sum.y.data[i] = formulas::activate<kind>(sum.a.data[i] + sum.b.data[i]);
}

template <Activation kind>
[[gnu::always_inline]] inline void sum_slopes(const Sum& sum, const float* y, float* a, float* b) {
  const std::size_t count = sum.y.size();
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i)
    a[i] = b[i] = y[i] * formulas::slope<kind>(sum.a.data[i] + sum.b.data[i], sum.y.data[i]);
}

}  // namespace

void augment(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
             MatrixView<float> batch) {
  const Image& image = augmentation.image;
  for (std::size_t r = 0; r < batch.rows; ++r) {
    const formulas::Cut cut = formulas::cut_of(augmentation, rows[r]);
    const float* from = source.data + static_cast<std::size_t>(rows[r]) * source.columns;
    float* to = batch.data + r * batch.columns;
    for (std::size_t i = 0; i < image.height; ++i)
      for (std::size_t j = 0; j < image.width; ++j, to += image.channels) {
        const std::size_t pixel = formulas::pixel_at(augmentation, cut, i, j);
        if (pixel < image.pixels())
          std::copy_n(from + pixel * image.channels, image.channels, to);
        else
          std::fill_n(to, image.channels, 0.0f);
      }
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void pool(const Pool& layer) {
  const Windows& windows = layer.windows;
  for (std::size_t s = 0; s < layer.x.rows; ++s) {
    const float* x = layer.x.data + s * windows.input.size();
    float* y = layer.y.data + s * windows.output.size();
    for_windows(
        windows, [&](std::size_t at, const Range& rows, const Range& columns)
                     __attribute__((always_inline)) { pool_window(layer, x, rows, columns, y + at); });
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void pool_gradient(
    const Pool& layer, MatrixView<float> y, MatrixView<float> x) {
  const Windows& windows = layer.windows;
  std::fill_n(x.data, x.size(), 0.0f);
  for (std::size_t s = 0; s < layer.x.rows; ++s) {
    const std::size_t in = s * windows.input.size(), out = s * windows.output.size();
    for_windows(
        windows, [&](std::size_t at, const Range& rows, const Range& columns) __attribute__((always_inline)) {
          float* open = y.data + out + at;
          if (layer.kind == PoolKind::Average) {
            const float share = share_of(rows, columns);
            for (std::size_t c = 0; c < windows.output.channels; ++c) open[c] *= share;
          }
          spread_window(layer, layer.x.data + in, layer.y.data + out + at, open, rows, columns, x.data + in);
        });
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add(const Sum& sum) {
  with_constant(
      sum.activation, [&](auto kind) __attribute__((always_inline)) { add_rows<kind>(sum); });
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void sum_gradient(
    const Sum& sum, MatrixView<const float> y, MatrixView<float> a, MatrixView<float> b) {
  with_constant(sum.activation, [&](auto kind) __attribute__((always_inline)) {
    sum_slopes<kind>(sum, y.data, a.data, b.data);
  });
}

}  // namespace regatta::device
