#pragma once

#include <cstddef>
#include <vector>

#include "regatta/device/image.hpp"
#include "regatta/device/large_pages.hpp"

// What convolutions see around an image. A bundle of samples is an image of as many times its channels.
namespace regatta::device {

using Lines = std::vector<float, LargePages<float>>;  ///< whose memory begins with a line of the cache

/// The image that all windows together see, zeros outside of x.
struct Frame {
  std::size_t height, width;
  const float* data;
};

/// @param dilation  the numbers of x count as lying so far apart, with zeros between them
/// @param memory    for a frame that is not x itself
Frame frame_of(const Windows& windows, std::size_t dilation, const float* x, Lines& memory);

/// The image within a frame of numbers; zeros where no window sees it.
void take_image(const Windows& windows, const float* frame, float* image);

}  // namespace regatta::device
