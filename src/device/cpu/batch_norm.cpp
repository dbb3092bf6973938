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

/// Adds `terms`(row, its two sums per channel) slice by slice.
template <class Terms>
[[gnu::always_inline]] inline void add_in_slices(std::size_t rows, std::size_t channels, float* sums,
                                                 std::vector<float>& scratch, const Terms& terms) {
  std::fill_n(sums, 2 * channels, 0.0f);
  for (std::size_t first = 0; first < rows; first += slice_rows) {
    scratch.assign(2 * channels, 0.0f);
    for (std::size_t i = first; i < std::min(first + slice_rows, rows); ++i)
      terms(i, scratch.data(), scratch.data() + channels);
    for (std::size_t c = 0; c < 2 * channels; ++c) sums[c] += scratch[c];
  }
}

/// Room for `lines` numbers per channel.
float* room(const BatchNorm& layer, std::size_t lines, std::vector<float>& scratch) {
  scratch.resize(std::max(scratch.size(), lines * layer.x.columns));
  return scratch.data();
}

template <Activation kind>
[[gnu::always_inline]] inline void normalise_rows(const BatchNorm& layer, const float* a, const float* b) {
  const std::size_t channels = layer.x.columns;
  for (std::size_t i = 0; i < layer.x.rows; ++i) {
    const float* x = layer.x.data + i * channels;
    float* y = layer.y.data + i * channels;
#pragma GCC ivdep
    for (std::size_t c = 0; c < channels; ++c) y[c] = formulas::activate<kind>(a[c] * x[c] + b[c]);
  }
}

/// Both sums of the gradients, and dL/d(scale n + shift) in place. `lines`: a and b of n, then scales and
/// shifts.
template <Activation kind>
[[gnu::always_inline]] inline void sum_gradient_rows(const BatchNorm& layer,
                                                     const BatchNormGradient& gradient,
                                                     std::vector<float>& scratch) {
  const std::size_t channels = layer.x.columns;
  const float *mean = layer.moments, *inverse = layer.moments + channels;
  const float *shift = layer.parameters, *scale = layer.parameters + channels;
  const auto terms = [&](std::size_t i, float* sum, float* product) __attribute__((always_inline)) {
    const float* x = layer.x.data + i * channels;
    const float* y = layer.y.data + i * channels;
    float* g = gradient.y.data + i * channels;
#pragma GCC ivdep
    for (std::size_t c = 0; c < channels; ++c) {
      const float n = (x[c] - mean[c]) * inverse[c];
      g[c] *= formulas::slope<kind>(scale[c] * n + shift[c], y[c]);
      sum[c] += g[c];
      product[c] += g[c] * n;
    }
  };
  add_in_slices(layer.x.rows, channels, gradient.parameters, scratch, terms);
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void sum_moments(
    const BatchNorm& layer, std::vector<float>& scratch) {
  const std::size_t channels = layer.x.columns;
  const float* mean = layer.running;
  const auto terms = [&](std::size_t i, float* sum, float* square) __attribute__((always_inline)) {
    const float* x = layer.x.data + i * channels;
#pragma GCC ivdep
    for (std::size_t c = 0; c < channels; ++c) {
      const float term = x[c] - mean[c];
      sum[c] += term;
      square[c] += term * term;
    }
  };
  add_in_slices(layer.x.rows, channels, layer.sums, scratch, terms);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void normalise(
    const BatchNorm& layer, std::vector<float>& scratch) {
  const std::size_t channels = layer.x.columns;
  float *a = room(layer, 2, scratch), *b = a + channels;
  for (std::size_t c = 0; c < channels; ++c) {
    formulas::take_moments(layer, c);
    const formulas::Line n = formulas::normalisation(layer, c), y = formulas::affinity(layer, c);
    a[c] = y.a * n.a;
    b[c] = y.at(n.b);
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
  const std::size_t channels = layer.x.columns;
  float *factor = room(layer, 3, scratch), *a = factor + channels, *b = a + channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const formulas::NormGradient line = formulas::norm_gradient(layer, c);
    factor[c] = line.g_factor;
    a[c] = line.line.a;
    b[c] = line.line.b;
  }
  for (std::size_t i = 0; i < layer.x.rows; ++i) {
    const float* x = layer.x.data + i * channels;
    const float* g = gradient.y.data + i * channels;
    float* dx = gradient.x.data + i * channels;
#pragma GCC ivdep
    for (std::size_t c = 0; c < channels; ++c) dx[c] = factor[c] * g[c] + (a[c] * x[c] + b[c]);
  }
}

}  // namespace regatta::device
