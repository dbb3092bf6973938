#include <algorithm>
#include <cstddef>

#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "image_loops.hpp"
#include "vectors.hpp"

// Poolings are templates by the width of vectors, since channels are often fewer; target_clones as in
// elementwise.cpp.
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

/// As load_few(), and asks for what comes later: processors do not see that masked loads go on and on.
template <class Vector>
[[gnu::always_inline]] inline void load_ahead(Vector& vector, const float* from, std::size_t count) {
  constexpr std::size_t ahead = 512;
  __builtin_prefetch(from + ahead);
  load_few(vector, from, count);
}

template <int lanes, PoolKind kind>
[[gnu::always_inline]] inline void pool_window(const Windows& windows, const float* x, const Range& rows,
                                               const Range& columns, float* y) {
  using Vector = typename Register<lanes>::Vector;
  const std::size_t channels = windows.output.channels, width = windows.input.width;
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t count = std::min<std::size_t>(lanes, channels - c);
    Vector pooled, place, no_number{};  // GCC 12 takes two conditions for one number lane by lane
    load_few(pooled, x + (rows.first * width + columns.first) * channels + c, count);
    for (std::size_t i = rows.first; i < rows.end; ++i)
      for (std::size_t j = i == rows.first ? columns.first + 1 : columns.first; j < columns.end; ++j) {
        load_ahead(place, x + (i * width + j) * channels + c, count);
        if constexpr (kind == PoolKind::Max) {
          pooled = place > pooled ? place : pooled;
          no_number = place != place ? place : no_number;
        } else {
          pooled += place;
        }
      }
    if constexpr (kind == PoolKind::Max) pooled = no_number != no_number ? no_number : pooled;
    if constexpr (kind == PoolKind::Average) pooled *= share_of(rows, columns);
    store_few(pooled, y + c, count);
  }
}

/// The gradient of a largest number goes to the first place that has it.
/// @param adds  to what is in dx, from other windows
template <int lanes, PoolKind kind, bool adds>
[[gnu::always_inline]] inline void spread_window(const Windows& windows, const float* x, const float* y,
                                                 const float* dy, const Range& rows, const Range& columns,
                                                 float* dx) {
  using Vector = typename Register<lanes>::Vector;
  const std::size_t channels = windows.output.channels, width = windows.input.width;
  for (std::size_t c = 0; c < channels; c += lanes) {
    const std::size_t count = std::min<std::size_t>(lanes, channels - c);
    Vector open, largest, place, before;
    load_few(open, dy + c, count);
    if constexpr (kind == PoolKind::Average) open *= share_of(rows, columns);
    if constexpr (kind == PoolKind::Max) load_few(largest, y + c, count);
    for (std::size_t i = rows.first; i < rows.end; ++i)
      for (std::size_t j = columns.first; j < columns.end; ++j) {
        const std::size_t at = (i * width + j) * channels + c;
        Vector part = open;
        if constexpr (kind == PoolKind::Max) {
          load_ahead(place, x + at, count);
          part = place == largest ? open : Vector{};
          open = place == largest ? Vector{} : open;
        }
        if constexpr (adds) {
          load_few(before, dx + at, count);
          part += before;
        }
        store_few(part, dx + at, count);
      }
  }
}

template <int lanes, PoolKind kind>
[[gnu::always_inline]] inline void pool_samples(const Pool& layer) {
  const Windows& windows = layer.windows;
  for (std::size_t s = 0; s < layer.x.rows; ++s) {
    const float* x = layer.x.data + s * windows.input.size();
    float* y = layer.y.data + s * windows.output.size();
    for_windows(
        windows, [&](std::size_t at, const Range& rows, const Range& columns) __attribute__((always_inline)) {
          pool_window<lanes, kind>(windows, x, rows, columns, y + at);
        });
  }
}

template <int lanes>
[[gnu::always_inline]] inline void pool_of(const Pool& layer) {
  if (layer.kind == PoolKind::Max)
    pool_samples<lanes, PoolKind::Max>(layer);
  else
    pool_samples<lanes, PoolKind::Average>(layer);
}

template <int lanes, PoolKind kind, bool adds>
[[gnu::always_inline]] inline void spread_samples(const Pool& layer, MatrixView<const float> dy,
                                                  MatrixView<float> dx) {
  const Windows& windows = layer.windows;
  for (std::size_t s = 0; s < layer.x.rows; ++s) {
    const std::size_t in = s * windows.input.size(), out = s * windows.output.size();
    for_windows(
        windows, [&](std::size_t at, const Range& rows, const Range& columns) __attribute__((always_inline)) {
          spread_window<lanes, kind, adds>(windows, layer.x.data + in, layer.y.data + out + at,
                                           dy.data + out + at, rows, columns, dx.data + in);
        });
  }
}

/// Whether each number of the image lies in one window.
bool tile_image(const Windows& windows) {
  const Image &in = windows.input, &out = windows.output;
  return windows.stride == windows.side && out.height * windows.side >= in.height + windows.above &&
         out.width * windows.side >= in.width + windows.left;
}

template <int lanes, PoolKind kind>
[[gnu::always_inline]] inline void spread(const Pool& layer, MatrixView<const float> dy,
                                          MatrixView<float> dx) {
  if (tile_image(layer.windows)) return spread_samples<lanes, kind, false>(layer, dy, dx);
  std::fill_n(dx.data, dx.size(), 0.0f);
  spread_samples<lanes, kind, true>(layer, dy, dx);
}

template <int lanes>
[[gnu::always_inline]] inline void gradient_of(const Pool& layer, MatrixView<const float> dy,
                                               MatrixView<float> dx) {
  if (layer.kind == PoolKind::Max)
    spread<lanes, PoolKind::Max>(layer, dy, dx);
  else
    spread<lanes, PoolKind::Average>(layer, dy, dx);
}

[[gnu::target("arch=x86-64-v4")]] void pool_avx512(const Pool& layer) { pool_of<16>(layer); }
[[gnu::target("arch=x86-64-v3")]] void pool_avx2(const Pool& layer) { pool_of<8>(layer); }
void pool_sse2(const Pool& layer) { pool_of<4>(layer); }
[[gnu::target("arch=x86-64-v4")]] void gradient_avx512(const Pool& layer, MatrixView<const float> dy,
                                                       MatrixView<float> dx) {
  gradient_of<16>(layer, dy, dx);
}
[[gnu::target("arch=x86-64-v3")]] void gradient_avx2(const Pool& layer, MatrixView<const float> dy,
                                                     MatrixView<float> dx) {
  gradient_of<8>(layer, dy, dx);
}
void gradient_sse2(const Pool& layer, MatrixView<const float> dy, MatrixView<float> dx) {
  gradient_of<4>(layer, dy, dx);
}

constexpr PoolLoops all_loops[] = {
    {pool_avx512, gradient_avx512}, {pool_avx2, gradient_avx2}, {pool_sse2, gradient_sse2}};

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

std::span<const PoolLoops> pool_loops() { return std::span(all_loops).subspan(best_instructions()); }

void pool(const Pool& layer) { pool_loops().front().pool(layer); }

void pool_gradient(const Pool& layer, MatrixView<const float> y, MatrixView<float> x) {
  pool_loops().front().gradient(layer, y, x);
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
