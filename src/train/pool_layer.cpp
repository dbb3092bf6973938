#include "pool_layer.hpp"

#include <algorithm>

#include "image_shape.hpp"
#include "regatta/core/error.hpp"
#include "regatta/device/sample_bundles.hpp"

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

/// Samples [first, first + count) of the last batch.
device::Pool PoolLayer::group(std::size_t first, std::size_t count) {
  const std::size_t inputs = windows_.input.size(), outputs = windows_.output.size();
  const std::size_t images = (count + lanes_ - 1) / lanes_;
  return {kind_,
          device::of_bundle(windows_, lanes_),
          {x_ + first * inputs, images, lanes_ * inputs},
          {y_.data() + first * outputs, images, lanes_ * outputs}};
}

device::MatrixView<const float> PoolLayer::forward_group(device::MatrixView<const float> x, std::size_t first,
                                                         bool bundled) {
  lanes_ = bundled ? device::samples_of_bundle() : 1;
  x_ = x.data - first * x.columns;
  const device::Pool pool = group(first, x.rows);
  backend_->forward(pool);
  return {pool.y.data, x.rows, windows_.output.size()};
}

void PoolLayer::backward_group(device::MatrixView<float> y, device::MatrixView<float> x, std::size_t first,
                               bool) {
  if (!x.data) return;
  const device::Pool pool = group(first, y.rows);
  backend_->backward(pool, {y.data, pool.y.rows, pool.y.columns}, {x.data, pool.x.rows, pool.x.columns});
}

}  // namespace regatta::train
