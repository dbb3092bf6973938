#pragma once

#include <functional>
#include <span>
#include <vector>

#include "convolution_bundles.hpp"
#include "frame.hpp"
#include "regatta/device/image.hpp"
#include "winograd.hpp"

// The convolutions of the CPU backend without bias and activation, one sample at a time.
namespace regatta::device {

/// Kept between calls, so that a training step allocates nothing.
struct ConvolutionScratch {
  std::vector<float> turned, weights, bias;
  Lines image;
  winograd::Scratch winograd;
  BundleScratch bundles;
};

/// For one instruction set.
struct ConvolutionLoops {
  /// Brings weights into the order in which convolve() and spread() read them.
  void (*pack)(MatrixView<const float> weights, ConvolutionScratch& scratch);
  /// z = x * W, with the weights that were packed last, (side x side x input channels) x output channels.
  /// @param dilation  the numbers of x count as lying so far apart, with zeros between them
  void (*convolve)(const Windows& windows, std::size_t dilation, const float* x, float* z,
                   ConvolutionScratch& scratch);
  /// Channels of the rows of add_gradient(): the output's and some more that fill a register.
  std::size_t (*padded)(std::size_t channels);
  /// Adds dL/dW to `weights`.
  void (*add_gradient)(const Windows& windows, const float* x, const float* dz, float* weights,
                       ConvolutionScratch& scratch);
  /// dL/dx from what each pixel of dz gives to all that its window sees, with the weights that were packed
  /// last, (side x output channels) x (side x input channels).
  void (*spread)(const Windows& windows, const float* dz, float* dx, ConvolutionScratch& scratch);
};

/// Those that this processor can run, the fastest first.
std::span<const ConvolutionLoops> convolution_loops();

/// As Backend::forward and Backend::backward.
void convolve(const Convolution& layer, ConvolutionScratch& scratch);
/// @param interlude  as Backend::set_interlude has it
void convolution_gradient(const Convolution& layer, const ConvolutionGradient& gradient,
                          ConvolutionScratch& scratch, const std::function<void()>& interlude);

}  // namespace regatta::device
