#include "convolution.hpp"

#include <algorithm>
#include <utility>

#include "alignment.hpp"
#include "image_kernels.hpp"
#include "kernels.hpp"
#include "product.hpp"
#include "regatta/device/backend.hpp"
#include "tiled_convolution.hpp"

namespace regatta::device::cuda {
namespace {

/// Whether the pixels of x are the windows.
bool is_direct(const Windows& windows) { return windows.side == 1 && windows.stride == 1; }

/// The pixels of samples [first, first + count) as the rows of a dense layer, for its bias and activation.
Dense pixels_of(const Convolution& layer, std::size_t first, std::size_t count) {
  const Image& image = layer.windows.output;
  const auto rows = [&](const MatrixView<float>& view) {
    return MatrixView<float>{view.data + first * image.size(), count * image.pixels(), image.channels};
  };
  return {{}, {}, layer.bias, rows(layer.z), rows(layer.y), layer.activation, {}};
}

/// Calls `work`(first sample, samples) for slices of at most `most` samples.
template <class Work>
void for_slices(std::size_t samples, std::size_t most, const Work& work) {
  for (std::size_t first = 0; first < samples; first += most) work(first, std::min(most, samples - first));
}

/// The gradients by z of some samples, one row per pixel.
MatrixView<const float> pixel_gradients(const Convolution& layer, const float* dz, std::size_t first, std::size_t count) {
  const Image& out = layer.windows.output;
  return {dz + first * out.size(), count * out.pixels(), out.channels};
}

}  // namespace

/// Samples whose windows are unrolled together.
std::size_t Convolver::samples_at_once(const Convolution& layer) const {
  if (is_direct(layer.windows)) return layer.x.rows;
  const std::size_t numbers = layer.windows.output.pixels() * terms_of(layer.windows);
  return std::clamp<std::size_t>(most_numbers_ / numbers, 1, layer.x.rows);
}

/// One row per output pixel.
MatrixView<const float> Convolver::windows(const Convolution& layer, std::size_t first, std::size_t count) {
  const std::size_t rows = count * layer.windows.output.pixels(), terms = terms_of(layer.windows);
  const float* x = layer.x.data + first * layer.x.columns;
  if (is_direct(layer.windows)) return {x, rows, terms};
  float* unrolled = windows_.at_least(rows * terms);
  unroll(layer.windows, x, count, unrolled, terms, stream_);
  return {unrolled, rows, terms};
}

std::optional<Convolution> Convolver::for_tiles(const Convolution& layer) {
  if (blas_.precision == Precision::Fp32) return std::nullopt;
  if (!std::exchange(prepared_, true)) prepare_tiles();
  if (fits_tiles(layer)) return layer;
  const Windows& windows = layer.windows;
  const std::size_t rows = layer.x.rows * windows.output.pixels(), filters = windows.output.channels;
  const std::size_t line = whole_chunks(terms_of(windows));
  Convolution flat = layer;
  flat.windows = {{1, 1, line}, {1, 1, filters}, 1, 1, 0, 0};
  flat.x = {nullptr, rows, line};
  flat.z = {layer.z.data, rows, filters};
  flat.y = {layer.y.data, rows, filters};
  if (rows * line > most_numbers_ || !fits_tiles(flat)) return std::nullopt;
  float* unrolled = windows_.at_least(rows * line);
  unroll(windows, layer.x.data, layer.x.rows, unrolled, line, stream_);
  flat.x.data = unrolled;
  return flat;
}

void Convolver::forward(const Convolution& layer) {
  if (const auto tiles = for_tiles(layer)) return convolve_in_tiles(*tiles, blas_.precision, stream_);
  for_slices(layer.x.rows, samples_at_once(layer), [&](std::size_t first, std::size_t count) {
    const Dense pixels = pixels_of(layer, first, count);
    multiply(blas_, windows(layer, first, count), layer.weights, pixels.z);
    activate(pixels, stream_);
  });
}

void Convolver::backward(const Convolution& layer, const ConvolutionGradient& gradient) {
  const bool aligned = are_aligned({gradient.y.data, gradient.weights.data, gradient.x.data});
  const auto tiles = aligned ? for_tiles(layer) : std::nullopt;
  const bool changes_slopes = layer.activation != Activation::Identity;
  if (changes_slopes || !tiles) activation_gradients(layer, gradient);
  if (tiles) {
    float* partial = partial_.at_least(weight_partials(*tiles));
    weight_gradient_in_tiles(*tiles, gradient.y.data, gradient.weights, changes_slopes ? nullptr : gradient.bias, partial,
                             blas_.precision, stream_);
  } else {
    weight_gradients(layer, gradient);
  }
  if (!gradient.x.data) return;
  if (tiles && fits_tiles(layer)) input_gradient_in_tiles(layer, gradient.y.data, gradient.x, blas_.precision, stream_);
  else input_gradients(layer, gradient);
}

void Convolver::activation_gradients(const Convolution& layer, const ConvolutionGradient& gradient) {
  const Dense pixels = pixels_of(layer, 0, layer.x.rows);
  const std::size_t slices = gradient_slices(pixels.z.rows);
  activation_gradient(pixels, gradient.y.data, gradient.bias, partial_.at_least(slices * pixels.z.columns), stream_);
}

void Convolver::weight_gradients(const Convolution& layer, const ConvolutionGradient& gradient) {
  const std::size_t size = gradient.weights.size(), most = samples_at_once(layer);
  const std::size_t slices = (layer.x.rows + most - 1) / most;
  float* next = slices == 1 ? gradient.weights.data : partial_.at_least(slices * size);
  float* partial = next;
  for_slices(layer.x.rows, most, [&](std::size_t first, std::size_t count) {
    const auto dz = pixel_gradients(layer, gradient.y.data, first, count);
    weight_gradient(blas_, windows(layer, first, count), dz, {next, gradient.weights.rows, gradient.weights.columns});
    next += size;
  });
  if (slices > 1) add_slices(partial, slices, size, gradient.weights.data, false, stream_);
}

void Convolver::input_gradients(const Convolution& layer, const ConvolutionGradient& gradient) {
  const std::size_t terms = terms_of(layer.windows);
  for_slices(layer.x.rows, samples_at_once(layer), [&](std::size_t first, std::size_t count) {
    const auto dz = pixel_gradients(layer, gradient.y.data, first, count);
    float* x = gradient.x.data + first * gradient.x.columns;
    float* rows = is_direct(layer.windows) ? x : windows_.at_least(dz.rows * terms);
    input_gradient(blas_, dz, layer.weights, {rows, dz.rows, terms});
    if (!is_direct(layer.windows)) roll_up(layer.windows, rows, count, x, stream_);
  });
}

}  // namespace regatta::device::cuda
