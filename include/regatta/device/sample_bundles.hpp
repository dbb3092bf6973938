#pragma once

#include <cstddef>

#include "regatta/device/image.hpp"

// Samples side by side on the host: a bundle has as many as a register has numbers, and number k of sample l lies at
// [k][l]. What is the same for all samples then takes whole registers, however few channels an image has.
namespace regatta::device {

/// Samples of a bundle on this processor.
std::size_t samples_of_bundle();
/// Whether this processor convolves bundles faster than samples one after another.
bool gains_in_bundles(const Windows& windows);

/// The same windows of a bundle, which is an image whose channels are those of all its samples.
constexpr Windows of_bundle(Windows windows, std::size_t samples) {
  windows.input.channels *= samples;
  windows.output.channels *= samples;
  return windows;
}

/// Rows of samples into bundles, one after another; zeros in the lanes of the last one that have none.
void bundle(MatrixView<const float> rows, float* bundles);
/// And back.
void unbundle(const float* bundles, MatrixView<float> rows);

}  // namespace regatta::device
