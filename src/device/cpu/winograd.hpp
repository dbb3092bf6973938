#pragma once

#include <vector>

#include "regatta/device/image.hpp"

// Convolutions of 3 x 3 with AVX-512 as products of transformed tiles: F(4 x 4, 3 x 3) of Lavin and Gray
// (2016), Fast algorithms for convolutional neural networks, takes 36 multiplications for 16 pixels in place
// of 144. Results are off by 2e-6 of their usual size; direct loops by 2e-7 to 6e-7.
namespace regatta::device::winograd {

/// Kept between calls. Of each of the 36 numbers of a transformed tile, one after the other: `x` and `z` have
/// tiles x channels, `weights` input x output channels.
struct Scratch {
  std::vector<float> x, z, weights, product;
};

/// Whether this processor can and these windows are of 3 x 3, with steps of 1, whole tiles and whole
/// registers of channels.
bool suits(const Windows& windows);

/// Samples whose tiles stay in the second cache.
std::size_t samples_at_once(const Windows& windows);

void transform_weights(const Windows& windows, const float* weights, Scratch& scratch);
/// z = x * W of `samples` samples, with the weights that were transformed last.
void convolve(const Windows& windows, std::size_t samples, const float* x, float* z, Scratch& scratch);

/// dL/dW of `samples` samples.
void weight_gradient(const Windows& windows, std::size_t samples, const float* x, const float* dz,
                     float* weights, Scratch& scratch);

}  // namespace regatta::device::winograd
