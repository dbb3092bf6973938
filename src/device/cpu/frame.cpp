#include "frame.hpp"

#include <algorithm>

namespace regatta::device {
namespace {

/// x as it is, zeros around it.
void surround(const Windows& windows, const float* x, float* frame) {
  const Image &in = windows.input, seen = windows.seen();
  const std::size_t line = seen.width * in.channels, left = windows.left * in.channels;
  const std::size_t middle = std::min(in.width, seen.width - windows.left) * in.channels;
  for (std::size_t i = 0; i < seen.height; ++i, frame += line) {
    if (i < windows.above || i - windows.above >= in.height) {
      std::fill_n(frame, line, 0.0f);
      continue;
    }
    std::fill_n(frame, left, 0.0f);
    std::copy_n(x + (i - windows.above) * in.width * in.channels, middle, frame + left);
    std::fill_n(frame + left + middle, line - left - middle, 0.0f);
  }
}

}  // namespace

Frame frame_of(const Windows& windows, std::size_t dilation, const float* x, Lines& memory) {
  const Image &in = windows.input, seen = windows.seen();
  if (dilation == 1 && windows.see_the_image()) return {seen.height, seen.width, x};
  memory.resize(seen.size());
  if (dilation == 1) {
    surround(windows, x, memory.data());
    return {seen.height, seen.width, memory.data()};
  }
  std::ranges::fill(memory, 0.0f);
  const std::size_t columns = std::min(in.width, (seen.width - windows.left + dilation - 1) / dilation);
  for (std::size_t i = 0; i < in.height && windows.above + i * dilation < seen.height; ++i) {
    const float* from = x + i * in.width * in.channels;
    float* to = memory.data() + ((windows.above + i * dilation) * seen.width + windows.left) * in.channels;
    for (std::size_t j = 0; j < columns; ++j)
      std::copy_n(from + j * in.channels, in.channels, to + j * dilation * in.channels);
  }
  return {seen.height, seen.width, memory.data()};
}

void take_image(const Windows& windows, const float* frame, float* image) {
  const Image &in = windows.input, seen = windows.seen();
  std::fill_n(image, in.size(), 0.0f);
  const std::size_t columns = std::min(in.width, seen.width - windows.left);
  for (std::size_t i = 0; i < in.height && windows.above + i < seen.height; ++i)
    std::copy_n(frame + ((windows.above + i) * seen.width + windows.left) * in.channels,
                columns * in.channels, image + i * in.width * in.channels);
}

}  // namespace regatta::device
