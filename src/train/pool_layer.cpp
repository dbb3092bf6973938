#include "pool_layer.hpp"

#include <algorithm>

#include "image_shape.hpp"
#include "regatta/core/error.hpp"

namespace regatta::train {
namespace {

/// As many as cover the image, but none that begins outside of it, where windows leave gaps.
std::size_t outputs_along(std::size_t length, std::size_t side, std::size_t stride) {
  if (length <= side) return 1;
  return std::min((length - side + stride - 1) / stride, (length - 1) / stride) + 1;
}

device::Windows windows_of(const PoolSpec& spec, const device::Image& image) {
  require(spec.stride > 0, "a pooling needs a stride");
  const std::size_t side = spec.window > 0 ? spec.window : std::max(image.height, image.width);
  const device::Image output{outputs_along(image.height, side, spec.stride),
                             outputs_along(image.width, side, spec.stride), image.channels};
  return {image, output, side, spec.stride, 0, 0};
}

}  // namespace

PoolLayer::PoolLayer(const PoolSpec& spec, const Shape& input)
    : kind_(spec.kind), windows_(windows_of(spec, image_of(input, "a pooling"))) {}

Shape PoolLayer::output() const { return shape_of(windows_.output); }

double PoolLayer::operations() const { return static_cast<double>(windows_.input.size()); }

void PoolLayer::place(device::Backend& backend, const Places&, std::size_t most_samples) {
  backend_ = &backend;
  y_ = {backend, most_samples * windows_.output.size()};
}

device::MatrixView<const float> PoolLayer::forward_group(device::MatrixView<const float> x,
                                                         std::size_t first) {
  const std::size_t outputs = windows_.output.size();
  const device::Pool group{kind_, windows_, x, {y_.data() + first * outputs, x.rows, outputs}};
  backend_->forward(group);
  x_ = x.data - first * x.columns;
  return group.y;
}

void PoolLayer::backward_group(device::MatrixView<float> y, device::MatrixView<float> x, std::size_t first,
                               bool) {
  const std::size_t inputs = windows_.input.size(), outputs = windows_.output.size();
  if (x.data)
    backend_->backward(device::Pool{kind_,
                                    windows_,
                                    {x_ + first * inputs, y.rows, inputs},
                                    {y_.data() + first * outputs, y.rows, outputs}},
                       y, x);
}

}  // namespace regatta::train
