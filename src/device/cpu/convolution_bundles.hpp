#pragma once

#include <span>

#include "frame.hpp"
#include "regatta/device/image.hpp"

// Convolutions of bundles of samples (regatta/device/sample_bundles.hpp), one bundle at a time.
namespace regatta::device {

/// Kept between calls, so that a training step allocates nothing.
struct BundleScratch {
  Lines frame;  ///< an image and the zeros around it
  Lines sums;   ///< of dL/dW, one for each lane
};

/// For one instruction set.
struct ConvolutionBundles {
  std::size_t samples;  ///< of a bundle
  /// z = x * W + b
  void (*convolve)(const Windows& windows, const float* x, const float* weights, const float* bias, float* z,
                   BundleScratch& scratch);
  /// Adds to scratch.sums, which have numbers of W x samples.
  void (*add_gradient)(const Windows& windows, const float* x, const float* dz, BundleScratch& scratch);
  /// dL/dx, with weights as those of ConvolutionLoops::spread.
  void (*spread)(const Windows& windows, const float* dz, const float* weights, float* dx,
                 BundleScratch& scratch);
  /// to[k] = sum of the lanes of number k.
  void (*add_lanes)(const float* bundle, std::size_t numbers, float* to);
  /// `count` samples, whose first numbers lie `apart`, into a bundle, and back.
  void (*bundle)(const float* samples, std::size_t apart, std::size_t count, std::size_t numbers,
                 float* bundle);
  void (*unbundle)(const float* bundle, std::size_t numbers, std::size_t apart, std::size_t count,
                   float* samples);
};

/// Those that this processor can run, the fastest first.
std::span<const ConvolutionBundles> convolution_bundles();

}  // namespace regatta::device
