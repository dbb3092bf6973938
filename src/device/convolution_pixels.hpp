#pragma once

#include "regatta/device/backend.hpp"

namespace regatta::device {

/// The pixels of samples [first, first + count) as the rows of a dense layer, for its bias and activation.
inline Dense pixels_of(const Convolution& layer, std::size_t first, std::size_t count) {
  const Image& image = layer.windows.output;
  const auto rows = [&](const MatrixView<float>& view) {
    return MatrixView<float>{view.data + first * image.size(), count * image.pixels(), image.channels};
  };
  return {{}, {}, layer.bias, rows(layer.z), rows(layer.y), layer.activation, {}};
}

}  // namespace regatta::device
