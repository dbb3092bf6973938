#include <algorithm>
#include <cstddef>

#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "image_loops.hpp"

// target_clones as in elementwise.cpp.
namespace regatta::device {
namespace {

/// Rows whose sums are taken in single precision before they join the others.
constexpr std::size_t slice_rows = 512;

/// Numbers of a row, which has one of each channel, or of each lane.
std::size_t width_of(const BatchNorm& layer) { return layer.x.columns * layer.lanes; }

/// What a pass needs beside the rows: two lines of sums, then lines of what is the same for all rows.
class Lines {
 public:
  Lines(const BatchNorm& layer, std::vector<float>& scratch)
      : channels_(layer.x.columns), lanes_(layer.lanes), scratch_(scratch) {
    constexpr std::size_t most = 6;
    scratch.resize(std::max(scratch.size(), most * channels_ * lanes_));
  }

  float* sums() { return line(0); }
  float* line(std::size_t number) { return scratch_.data() + number * channels_ * lanes_; }
  /// The same number in all lanes of channel c.
  void put(float* line, std::size_t c, float value) { std::fill_n(line + c * lanes_, lanes_, value); }

 private:
  std::size_t channels_, lanes_;
  std::vector<float>& scratch_;
};

/// sums = those of `terms`(row, its two sums per number), slice by slice, of the lanes that have a sample.
template <class Terms>
[[gnu::always_inline]] inline void add_in_slices(const BatchNorm& layer, float* sums, Lines& lines,
                                                 const Terms& terms) {
  const std::size_t channels = layer.x.columns, lanes = layer.lanes, width = width_of(layer);
  std::fill_n(sums, 2 * channels, 0.0f);
  for (std::size_t first = 0, end; first < layer.x.rows; first = end) {
    const std::size_t full = layer.x.rows - layer.partial_rows;
    end = std::min(first + slice_rows, first < full ? full : layer.x.rows);
    std::fill_n(lines.sums(), 2 * width, 0.0f);
    for (std::size_t i = first; i < end; ++i) terms(i, lines.sums(), lines.sums() + width);
    const std::size_t counted = first < full ? lanes : layer.partial_lanes;
    for (std::size_t c = 0; c < 2 * channels; ++c)
      for (std::size_t l = 0; l < counted; ++l) sums[c] += lines.sums()[c * lanes + l];
  }
}

template <Activation kind>
[[gnu::always_inline]] inline void normalise_rows(const BatchNorm& layer, const float* a, const float* b) {
  const std::size_t width = width_of(layer);
  for (std::size_t i = 0; i < layer.x.rows; ++i) {
    const float* x = layer.x.data + i * width;
    float* y = layer.y.data + i * width;
#pragma GCC ivdep
    for (std::size_t j = 0; j < width; ++j) y[j] = formulas::activate<kind>(a[j] * x[j] + b[j]);
  }
}

/// Both sums of the gradients, and dL/d(scale n + shift) in place.
template <Activation kind>
[[gnu::always_inline]] inline void sum_gradient_rows(const BatchNorm& layer,
                                                     const BatchNormGradient& gradient,
                                                     std::vector<float>& scratch) {
  const std::size_t channels = layer.x.columns, width = width_of(layer);
  Lines lines(layer, scratch);
  float *mean = lines.line(2), *inverse = lines.line(3), *shift = lines.line(4), *scale = lines.line(5);
  for (std::size_t c = 0; c < channels; ++c) {
    lines.put(mean, c, layer.moments[c]);
    lines.put(inverse, c, layer.moments[channels + c]);
    lines.put(shift, c, layer.parameters[c]);
    lines.put(scale, c, layer.parameters[channels + c]);
  }
  const auto terms = [&](std::size_t i, float* sum, float* product) __attribute__((always_inline)) {
    const float* x = layer.x.data + i * width;
    const float* y = layer.y.data + i * width;
    float* g = gradient.y.data + i * width;
#pragma GCC ivdep
    for (std::size_t j = 0; j < width; ++j) {
      const float n = (x[j] - mean[j]) * inverse[j];
      g[j] *= formulas::slope<kind>(scale[j] * n + shift[j], y[j]);
      sum[j] += g[j];
      product[j] += g[j] * n;
    }
  };
  add_in_slices(layer, gradient.parameters, lines, terms);
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void sum_moments(
    const BatchNorm& layer, std::vector<float>& scratch) {
  const std::size_t width = width_of(layer);
  Lines lines(layer, scratch);
  float* mean = lines.line(2);
  for (std::size_t c = 0; c < layer.x.columns; ++c) lines.put(mean, c, layer.running[c]);
  const auto terms = [&](std::size_t i, float* sum, float* square) __attribute__((always_inline)) {
    const float* x = layer.x.data + i * width;
#pragma GCC ivdep
    for (std::size_t j = 0; j < width; ++j) {
      const float term = x[j] - mean[j];
      sum[j] += term;
      square[j] += term * term;
    }
  };
  add_in_slices(layer, layer.sums, lines, terms);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void normalise(
    const BatchNorm& layer, std::vector<float>& scratch) {
  Lines lines(layer, scratch);
  float *a = lines.line(2), *b = lines.line(3);
  for (std::size_t c = 0; c < layer.x.columns; ++c) {
    formulas::take_moments(layer, c);
    const formulas::Line n = formulas::normalisation(layer, c), y = formulas::affinity(layer, c);
    lines.put(a, c, y.a * n.a);
    lines.put(b, c, y.at(n.b));
  }
  with_constant(
      layer.activation, [&](auto kind) __attribute__((always_inline)) { normalise_rows<kind>(layer, a, b); });
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void sum_norm_gradients(
    const BatchNorm& layer, const BatchNormGradient& gradient, std::vector<float>& scratch) {
  with_constant(
      layer.activation, [&](auto kind) __attribute__((always_inline)) {
        sum_gradient_rows<kind>(layer, gradient, scratch);
      });
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void norm_gradient(
    const BatchNorm& layer, const BatchNormGradient& gradient, std::vector<float>& scratch) {
  const std::size_t width = width_of(layer), full = layer.x.rows - layer.partial_rows;
  Lines lines(layer, scratch);
  float *factor = lines.line(2), *a = lines.line(3), *b = lines.line(4);
  for (std::size_t c = 0; c < layer.x.columns; ++c) {
    const formulas::NormGradient line = formulas::norm_gradient(layer, c);
    lines.put(factor, c, line.g_factor);
    lines.put(a, c, line.line.a);
    lines.put(b, c, line.line.b);
  }
  for (std::size_t i = 0; i < layer.x.rows; ++i) {
    const float* x = layer.x.data + i * width;
    const float* g = gradient.y.data + i * width;
    float* dx = gradient.x.data + i * width;
#pragma GCC ivdep
    for (std::size_t j = 0; j < width; ++j) dx[j] = factor[j] * g[j] + (a[j] * x[j] + b[j]);
    for (std::size_t j = layer.partial_lanes; i >= full && j < width; j += layer.lanes)
      std::fill_n(dx + j, layer.lanes - layer.partial_lanes, 0.0f);
  }
}

}  // namespace regatta::device
