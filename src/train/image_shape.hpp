#pragma once

#include "regatta/device/image.hpp"
#include "regatta/train/network_spec.hpp"

namespace regatta::train {

/// The image that a sample of this shape is. @param layer  "a convolution": who needs it
/// @throws InvalidInput  it is not of the shape {height, width, channels}
device::Image image_of(const Shape& shape, const char* layer);

inline Shape shape_of(const device::Image& image) { return {image.height, image.width, image.channels}; }

}  // namespace regatta::train
