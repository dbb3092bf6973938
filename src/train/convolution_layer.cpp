#include "convolution_layer.hpp"

#include <algorithm>
#include <cmath>

#include "image_shape.hpp"
#include "regatta/core/error.hpp"

namespace regatta::train {
namespace {

/// Outputs along an axis of `length` pixels, and pixels outside of it that the first window covers.
struct Axis {
  std::size_t outputs, before;
};

Axis axis_of(const ConvolutionSpec& spec, std::size_t length) {
  if (!spec.padded) return {(length - spec.kernel) / spec.stride + 1, 0};
  const std::size_t outputs = (length + spec.stride - 1) / spec.stride;
  const std::size_t covered = (outputs - 1) * spec.stride + spec.kernel;
  return {outputs, covered > length ? (covered - length) / 2 : 0};
}

device::Windows windows_of(const ConvolutionSpec& spec, const device::Image& image) {
  require(spec.filters > 0 && spec.kernel > 0 && spec.stride > 0,
          "a convolution needs filters, a kernel and a stride, got ", spec.filters, ", ", spec.kernel,
          " and ", spec.stride);
  require(spec.padded || spec.kernel <= std::min(image.height, image.width), "a kernel of ", spec.kernel,
          " pixels does not fit into an image of ", image.height, " x ", image.width, " without padding");
  const Axis rows = axis_of(spec, image.height), columns = axis_of(spec, image.width);
  return {image,         {rows.outputs, columns.outputs, spec.filters}, spec.kernel, spec.stride, rows.before,
          columns.before};
}

}  // namespace

device::Image image_of(const Shape& shape, const char* layer) {
  require(shape.size() == 3 && size_of(shape) > 0, layer, " needs images of height x width x channels");
  return {shape[0], shape[1], shape[2]};
}

ConvolutionLayer::ConvolutionLayer(const ConvolutionSpec& spec, const Shape& input)
    : spec_(spec), windows_(windows_of(spec, image_of(input, "a convolution"))) {}

std::size_t ConvolutionLayer::terms() const { return spec_.kernel * spec_.kernel * windows_.input.channels; }

ParameterCounts ConvolutionLayer::counts() const { return {terms() * spec_.filters, spec_.filters, 0}; }

Shape ConvolutionLayer::output() const { return shape_of(windows_.output); }

double ConvolutionLayer::operations() const {
  return 2.0 * static_cast<double>(terms()) * static_cast<double>(windows_.output.size());
}

void ConvolutionLayer::draw(Random& random, std::span<float> weights, std::span<float>,
                            std::span<float>) const {
  const std::size_t taking_part = spec_.kernel * spec_.kernel * spec_.filters;
  const double deviation = std::sqrt(initial_variance(spec_.init, spec_.activation, terms(), taking_part));
  for (float& weight : weights) weight = static_cast<float>(deviation * random.normal());
}

void ConvolutionLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  z_ = {backend, most_samples * windows_.output.size()};
  if (spec_.activation == device::Activation::Gelu) y_ = {backend, z_.size()};
}

void ConvolutionLayer::place_groups() {
  const ParameterCounts count = counts();
  gradients_ = {*backend_, count.weights + count.biases};
}

/// Samples [first, first + count) of the last batch.
device::Convolution ConvolutionLayer::group(std::size_t first, std::size_t count) {
  const std::size_t inputs = windows_.input.size(), outputs = windows_.output.size();
  return {windows_,
          {x_ + first * inputs, count, inputs},
          {places_.weights, terms(), spec_.filters},
          places_.biases,
          {z_.data() + first * outputs, count, outputs},
          {(y_.size() > 0 ? y_ : z_).data() + first * outputs, count, outputs},
          spec_.activation,
          bundled_};
}

device::MatrixView<const float> ConvolutionLayer::forward_group(device::MatrixView<const float> x,
                                                                std::size_t first, bool bundled) {
  bundled_ = bundled;
  x_ = x.data - first * x.columns;
  const device::Convolution next = group(first, x.rows);
  backend_->forward(next);
  return next.y;
}

void ConvolutionLayer::backward_group(device::MatrixView<float> y, device::MatrixView<float> x,
                                      std::size_t first, bool adds) {
  const ParameterCounts count = counts();
  float* weights = adds ? gradients_.data() : places_.weight_gradients;
  float* biases = adds ? weights + count.weights : places_.bias_gradients;
  backend_->backward(group(first, y.rows), {y, {weights, terms(), spec_.filters}, biases, x});
  if (!adds && !spec_.trains_biases) backend_->zero(biases, count.biases);
  if (!adds) return;
  const auto add = [&](const float* more, float* to, std::size_t numbers) {
    const device::MatrixView<float> sum{to, 1, numbers};
    backend_->forward(device::Sum{sum, {more, 1, numbers}, sum});
  };
  add(weights, places_.weight_gradients, count.weights);
  if (spec_.trains_biases) add(biases, places_.bias_gradients, count.biases);
}

}  // namespace regatta::train
