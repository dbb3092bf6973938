#include "convolution.hpp"

#include <algorithm>

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
  unroll(layer.windows, x, count, unrolled, stream_);
  return {unrolled, rows, terms};
}

bool Convolver::rounds() const { return blas_.precision != Precision::Fp32; }

void Convolver::prepare() {
  if (!prepared_) prepare_tiles();
  prepared_ = true;
}

void Convolver::forward(const Convolution& layer) {
  if (rounds() && fits_tiles(layer)) {
    prepare();
    return convolve_in_tiles(layer, blas_.precision, stream_);
  }
  for_slices(layer.x.rows, samples_at_once(layer), [&](std::size_t first, std::size_t count) {
    const Dense pixels = pixels_of(layer, first, count);
    multiply(blas_, windows(layer, first, count), layer.weights, pixels.z);
    activate(pixels, stream_);
  });
}

void Convolver::backward(const Convolution& layer, const ConvolutionGradient& gradient) {
  const bool in_tiles = rounds() && fits_tiles(layer, gradient);
  const bool changes_slopes = layer.activation != Activation::Identity;
  if (changes_slopes || !in_tiles) activation_gradients(layer, gradient);
  if (in_tiles) return gradients_in_tiles(layer, gradient, changes_slopes ? nullptr : gradient.bias);
  weight_gradients(layer, gradient);
  if (gradient.x.data) input_gradients(layer, gradient);
}

void Convolver::activation_gradients(const Convolution& layer, const ConvolutionGradient& gradient) {
  const Dense pixels = pixels_of(layer, 0, layer.x.rows);
  const std::size_t slices = gradient_slices(pixels.z.rows);
  activation_gradient(pixels, gradient.y.data, gradient.bias, partial_.at_least(slices * pixels.z.columns), stream_);
}

/// @param bias  null: its gradient is there
void Convolver::gradients_in_tiles(const Convolution& layer, const ConvolutionGradient& gradient, float* bias) {
  prepare();
  float* partial = partial_.at_least(weight_partials(layer));
  weight_gradient_in_tiles(layer, gradient.y.data, gradient.weights, bias, partial, blas_.precision, stream_);
  if (gradient.x.data) input_gradient_in_tiles(layer, gradient.y.data, gradient.x, blas_.precision, stream_);
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
