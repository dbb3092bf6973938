#include "convolution.hpp"

#include <algorithm>

#include "elementwise.hpp"
#include "regatta/device/backend.hpp"

namespace regatta::device {
namespace {

/// The lines of the images of samples [first, first + count) as the rows of a dense layer, for its bias and
/// activation: pixels alone would be short rows.
Dense lines_of(const Convolution& layer, std::size_t first, std::size_t count, const float* bias) {
  const Image& image = layer.windows.output;
  const auto rows = [&](const MatrixView<float>& view) {
    return MatrixView<float>{view.data + first * image.size(), count * image.height,
                             image.width * image.channels};
  };
  return {{}, {}, bias, rows(layer.z), rows(layer.y), layer.activation, {}};
}

/// A convolution of dL/dz that gives dL/dx: what was stride is dilation.
Windows backward_windows(const Windows& windows) {
  return {windows.output,
          windows.input,
          windows.side,
          1,
          windows.side - 1 - windows.above,
          windows.side - 1 - windows.left};
}

/// Weights for backward_windows(): mirrored, with input and output channels in each other's place.
const float* turn(const Windows& windows, const float* weights, std::vector<float>& memory) {
  const std::size_t in = windows.input.channels, out = windows.output.channels;
  const std::size_t places = windows.side * windows.side;
  memory.resize(places * in * out);
  for (std::size_t p = 0; p < places; ++p)
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t o = 0; o < out; ++o)
        memory[((places - 1 - p) * out + o) * in + i] = weights[(p * in + i) * out + o];
  return memory.data();
}

}  // namespace

void convolve(const Convolution& layer, ConvolutionScratch& scratch) {
  const ConvolutionLoops& loops = convolution_loops().front();
  const Windows& windows = layer.windows;
  const Image& out = windows.output;
  loops.pack(windows, layer.weights.data, scratch);
  scratch.bias.resize(out.width * out.channels);
  for (std::size_t j = 0; j < out.width; ++j)
    std::copy_n(layer.bias, out.channels, scratch.bias.data() + j * out.channels);
  for (std::size_t i = 0; i < layer.x.rows; ++i) {
    loops.convolve(windows, 1, layer.x.data + i * windows.input.size(), layer.z.data + i * out.size(),
                   scratch);
    activate(lines_of(layer, i, 1, scratch.bias.data()));  // while z is in the cache
  }
}

void convolution_gradient(const Convolution& layer, const ConvolutionGradient& gradient,
                          ConvolutionScratch& scratch) {
  const ConvolutionLoops& loops = convolution_loops().front();
  const Windows& windows = layer.windows;
  const Dense lines = lines_of(layer, 0, layer.x.rows, nullptr);
  scratch.bias.resize(lines.z.columns);
  activation_gradient(lines, {gradient.y.data, lines.z.rows, lines.z.columns}, scratch.bias.data());
  std::fill_n(gradient.bias, windows.output.channels, 0.0f);
  for (std::size_t j = 0; j < lines.z.columns; ++j)
    gradient.bias[j % windows.output.channels] += scratch.bias[j];

  const std::size_t channels = windows.output.channels, row = loops.padded(channels);
  scratch.turned.assign(layer.weights.rows * row, 0.0f);
  for (std::size_t i = 0; i < layer.x.rows; ++i)
    loops.add_gradient(windows, layer.x.data + i * windows.input.size(),
                       gradient.y.data + i * windows.output.size(), scratch.turned.data(), scratch);
  for (std::size_t k = 0; k < layer.weights.rows; ++k)
    std::copy_n(scratch.turned.data() + k * row, channels, gradient.weights.data + k * channels);

  if (!gradient.x.data) return;
  const Windows back = backward_windows(windows);
  loops.pack(back, turn(windows, layer.weights.data, scratch.turned), scratch);
  for (std::size_t i = 0; i < layer.x.rows; ++i)
    loops.convolve(back, windows.stride, gradient.y.data + i * windows.output.size(),
                   gradient.x.data + i * windows.input.size(), scratch);
}

}  // namespace regatta::device
