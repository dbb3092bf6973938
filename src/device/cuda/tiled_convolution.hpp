#pragma once

#include "regatta/device/backend.hpp"
#include "stream.hpp"

// Convolutions as products on the tensor cores, a tile of the result at a time, whose factors are read from
// the images: no matrix of windows is ever in memory. Factors are rounded to Precision::Tf32 or Bf16, sums
// are in single precision and have a fixed order.
namespace regatta::device::cuda {

/// Numbers that are channels of an image for the functions below come in whole chunks.
constexpr std::size_t whole_chunks(std::size_t numbers) { return (numbers + 15) / 16 * 16; }

/// Whether it is for the functions below; a function of the sizes, and of where the numbers lie. The weights
/// may have fewer rows than a window has numbers: what is beyond them must be 0 in x.
bool fits_tiles(const Convolution& layer);

/// To be called on each device before the first of the functions below.
void prepare_tiles();

/// z and y, as Backend::forward.
void convolve_in_tiles(const Convolution& layer, Precision precision, Stream& stream);

/// dL/dx of dL/dz. @param dz  samples x output
void input_gradient_in_tiles(const Convolution& layer, const float* dz, MatrixView<float> dx,
                             Precision precision, Stream& stream);

/// dL/dW of dL/dz.
/// @param bias     becomes the sum of dL/dz over the pixels, unless it is null
/// @param partial  room for weight_partials() numbers
void weight_gradient_in_tiles(const Convolution& layer, const float* dz, MatrixView<float> dw, float* bias,
                              float* partial, Precision precision, Stream& stream);
std::size_t weight_partials(const Convolution& layer);

}  // namespace regatta::device::cuda
