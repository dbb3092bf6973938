#pragma once

#include <cstddef>

#include "regatta/device/image.hpp"
#include "stream.hpp"

// The operations of image.hpp but for matrix products; as kernels.hpp. No view is empty unless it is said.
namespace regatta::device::cuda {

/// Numbers of one window.
constexpr std::size_t terms_of(const Windows& windows) { return windows.side * windows.side * windows.input.channels; }

/// The window of each output pixel of `samples` samples as a row of `row_numbers`: terms_of() numbers, then zeros.
void unroll(const Windows& windows, const float* x, std::size_t samples, float* rows, std::size_t row_numbers, Stream& stream);

/// The sum over all windows that see an input, of their numbers for it.
void roll_up(const Windows& windows, const float* rows, std::size_t samples, float* x, Stream& stream);

void augment(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
             MatrixView<float> batch, Stream& stream);

/// As Backend::sum_moments and Backend::sum_gradients.
/// @param partial  room for norm_slices(rows) x 2 channels numbers
void sum_moments(const BatchNorm& layer, float* partial, Stream& stream);
void sum_gradients(const BatchNorm& layer, const BatchNormGradient& gradient, float* partial, Stream& stream);
std::size_t norm_slices(std::size_t rows);
/// As Backend::forward and Backend::backward; there may be no rows.
void normalise(const BatchNorm& layer, Stream& stream);
void norm_gradient(const BatchNorm& layer, const BatchNormGradient& gradient, Stream& stream);

void pool(const Pool& layer, Stream& stream);
void pool_gradient(const Pool& layer, const float* y, float* x, Stream& stream);

void add(const Sum& sum, Stream& stream);
void sum_gradient(const Sum& sum, const float* y, float* a, float* b, Stream& stream);

}  // namespace regatta::device::cuda
