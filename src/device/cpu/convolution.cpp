#include "convolution.hpp"

#include <algorithm>

#include "elementwise.hpp"
#include "regatta/device/backend.hpp"

namespace regatta::device {
namespace {

/// Pixels in a row of lines_of(): rows of few channels would be too short, and sums over wide ones miss the
/// cache.
std::size_t pixels_per_line(const Image& image) { return image.channels < 16 ? image.width : 1; }

/// Samples [first, first + count) as the rows of a dense layer, for its bias and activation.
Dense lines_of(const Convolution& layer, std::size_t first, std::size_t count, const float* bias) {
  const Image& image = layer.windows.output;
  const std::size_t pixels = pixels_per_line(image);
  const auto rows = [&](const MatrixView<float>& view) {
    return MatrixView<float>{view.data + first * image.size(), count * image.pixels() / pixels,
                             pixels * image.channels};
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
MatrixView<const float> turn(const Windows& windows, const float* weights, std::vector<float>& memory) {
  const std::size_t in = windows.input.channels, out = windows.output.channels;
  const std::size_t places = windows.side * windows.side;
  memory.resize(places * in * out);
  for (std::size_t p = 0; p < places; ++p)
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t o = 0; o < out; ++o)
        memory[((places - 1 - p) * out + o) * in + i] = weights[(p * in + i) * out + o];
  return {memory.data(), places * out, in};
}

/// Weights for ConvolutionLoops::spread.
MatrixView<const float> turn_lines(const Windows& windows, const float* weights, std::vector<float>& memory) {
  const std::size_t out = windows.output.channels, line = windows.side * windows.input.channels;
  memory.resize(windows.side * out * line);
  for (std::size_t i = 0; i < windows.side; ++i)
    for (std::size_t j = 0; j < line; ++j)
      for (std::size_t o = 0; o < out; ++o)
        memory[(i * out + o) * line + j] = weights[(i * line + j) * out + o];
  return {memory.data(), windows.side * out, line};
}

/// Whether dL/dx costs less by spreading dz than as a convolution of it, which fills registers with few
/// channels, and meets the zeros of frames and strides.
bool spreads(const Windows& windows, const ConvolutionLoops& loops) {
  const std::size_t channels = windows.input.channels, side = windows.side;
  const std::size_t sum = windows.output.channels, access = 4;  // of a register of sums, in multiply-adds
  return windows.output.pixels() * side * loops.padded(side * channels) * (sum + access) <
         windows.input.pixels() * side * side * loops.padded(channels) * sum;
}

/// z = x * W of all samples by the fastest loops; `done`(first sample, count) while some samples' z is in the
/// cache.
/// @param dilation  as ConvolutionLoops::convolve
template <class Done>
void convolve_samples(const Windows& windows, MatrixView<const float> weights, std::size_t dilation,
                      MatrixView<const float> x, float* z, ConvolutionScratch& scratch, const Done& done) {
  const ConvolutionLoops& loops = convolution_loops().front();
  const bool by_tiles = dilation == 1 && winograd::suits(windows);
  if (by_tiles)
    winograd::transform_weights(windows, weights.data, scratch.winograd);
  else
    loops.pack(weights, scratch);
  const std::size_t most = by_tiles ? winograd::samples_at_once(windows) : 1;
  for (std::size_t first = 0; first < x.rows; first += most) {
    const std::size_t count = std::min(most, x.rows - first);
    const float* from = x.data + first * windows.input.size();
    float* to = z + first * windows.output.size();
    if (by_tiles)
      winograd::convolve(windows, count, from, to, scratch.winograd);
    else
      loops.convolve(windows, dilation, from, to, scratch);
    done(first, count);
  }
}

/// dL/dz, and of it the gradients of weights and biases.
void weight_gradient(const Convolution& layer, const ConvolutionGradient& gradient,
                     ConvolutionScratch& scratch) {
  const ConvolutionLoops& loops = convolution_loops().front();
  const Windows& windows = layer.windows;
  const Dense lines = lines_of(layer, 0, layer.x.rows, nullptr);
  scratch.bias.resize(lines.z.columns);
  activation_gradient(lines, {gradient.y.data, lines.z.rows, lines.z.columns}, scratch.bias.data());
  std::fill_n(gradient.bias, windows.output.channels, 0.0f);
  for (std::size_t j = 0; j < lines.z.columns; ++j)
    gradient.bias[j % windows.output.channels] += scratch.bias[j];
  if (winograd::suits(windows))
    return winograd::weight_gradient(windows, layer.x.rows, layer.x.data, gradient.y.data,
                                     gradient.weights.data, scratch.winograd);
  const std::size_t channels = windows.output.channels, row = loops.padded(channels);
  scratch.turned.assign(layer.weights.rows * row, 0.0f);
  for (std::size_t i = 0; i < layer.x.rows; ++i)
    loops.add_gradient(windows, layer.x.data + i * windows.input.size(),
                       gradient.y.data + i * windows.output.size(), scratch.turned.data(), scratch);
  for (std::size_t k = 0; k < layer.weights.rows; ++k)
    std::copy_n(scratch.turned.data() + k * row, channels, gradient.weights.data + k * channels);
}

void input_gradient(const Convolution& layer, const ConvolutionGradient& gradient,
                    ConvolutionScratch& scratch) {
  const ConvolutionLoops& loops = convolution_loops().front();
  const Windows& windows = layer.windows;
  if (!spreads(windows, loops))
    return convolve_samples(backward_windows(windows), turn(windows, layer.weights.data, scratch.turned),
                            windows.stride, gradient.y, gradient.x.data, scratch,
                            [](std::size_t, std::size_t) {});
  loops.pack(turn_lines(windows, layer.weights.data, scratch.turned), scratch);
  for (std::size_t i = 0; i < layer.x.rows; ++i)
    loops.spread(windows, gradient.y.data + i * windows.output.size(),
                 gradient.x.data + i * windows.input.size(), scratch);
}

/// A bundled layer as the rows of a dense one, without bias: the pixels of all bundles.
Dense lines_of_bundles(const Convolution& layer, std::size_t lanes) {
  const Image& image = layer.windows.output;
  const std::size_t bundles = (layer.x.rows + lanes - 1) / lanes;
  const auto rows = [&](const MatrixView<float>& view) {
    return MatrixView<float>{view.data, bundles * image.pixels(), lanes * image.channels};
  };
  return {{}, {}, nullptr, rows(layer.z), rows(layer.y), layer.activation, {}};
}

void convolve_bundles(const Convolution& layer, BundleScratch& scratch) {
  const ConvolutionBundles& loops = convolution_bundles().front();
  const Windows& windows = layer.windows;
  for (std::size_t first = 0; first < layer.x.rows; first += loops.samples)
    loops.convolve(windows, layer.x.data + first * windows.input.size(), layer.weights.data, layer.bias,
                   layer.z.data + first * windows.output.size(), scratch);
  activate(lines_of_bundles(layer, loops.samples));
}

/// As weight_gradient() and input_gradient().
void weight_gradient_of_bundles(const Convolution& layer, const ConvolutionGradient& gradient,
                                BundleScratch& scratch) {
  const ConvolutionBundles& loops = convolution_bundles().front();
  const Windows& windows = layer.windows;
  const Dense lines = lines_of_bundles(layer, loops.samples);
  scratch.sums.resize(lines.z.columns);
  activation_gradient(lines, {gradient.y.data, lines.z.rows, lines.z.columns}, scratch.sums.data());
  loops.add_lanes(scratch.sums.data(), windows.output.channels, gradient.bias);
  const std::size_t weights = layer.weights.rows * layer.weights.columns;
  scratch.sums.assign(weights * loops.samples, 0.0f);
  for (std::size_t first = 0; first < layer.x.rows; first += loops.samples)
    loops.add_gradient(windows, layer.x.data + first * windows.input.size(),
                       gradient.y.data + first * windows.output.size(), scratch);
  loops.add_lanes(scratch.sums.data(), weights, gradient.weights.data);
}

void input_gradient_of_bundles(const Convolution& layer, const ConvolutionGradient& gradient,
                               ConvolutionScratch& scratch) {
  const ConvolutionBundles& loops = convolution_bundles().front();
  const Windows& windows = layer.windows;
  const float* turned = turn_lines(windows, layer.weights.data, scratch.turned).data;
  for (std::size_t first = 0; first < layer.x.rows; first += loops.samples)
    loops.spread(windows, gradient.y.data + first * windows.output.size(), turned,
                 gradient.x.data + first * windows.input.size(), scratch.bundles);
}

}  // namespace

void convolve(const Convolution& layer, ConvolutionScratch& scratch) {
  if (layer.bundled) return convolve_bundles(layer, scratch.bundles);
  const Image& out = layer.windows.output;
  const std::size_t pixels = pixels_per_line(out);
  scratch.bias.resize(pixels * out.channels);
  for (std::size_t j = 0; j < pixels; ++j)
    std::copy_n(layer.bias, out.channels, scratch.bias.data() + j * out.channels);
  convolve_samples(layer.windows, layer.weights, 1, layer.x, layer.z.data, scratch,
                   [&](std::size_t first, std::size_t count) {
                     const Dense lines = lines_of(layer, first, count, scratch.bias.data());
                     add_bias(lines.bias, lines.z);
                     activate(lines);
                   });
}

void convolution_gradient(const Convolution& layer, const ConvolutionGradient& gradient,
                          ConvolutionScratch& scratch, const std::function<void()>& interlude) {
  if (layer.bundled)
    weight_gradient_of_bundles(layer, gradient, scratch.bundles);
  else
    weight_gradient(layer, gradient, scratch);
  if (interlude) interlude();
  if (!gradient.x.data) return;
  if (layer.bundled)
    input_gradient_of_bundles(layer, gradient, scratch);
  else
    input_gradient(layer, gradient, scratch);
  if (interlude) interlude();
}

}  // namespace regatta::device
