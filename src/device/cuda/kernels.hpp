#pragma once

#include <cstddef>
#include <cstdint>

#include "regatta/device/backend.hpp"
#include "stream.hpp"

// Everything but the matrix products; each returns at once with the work in flight on `stream`. Sums have a fixed order
// that depends on the sizes only, so results are the same bit for bit on every run and on every device.
namespace regatta::device::cuda {

/// As Backend::gather.
void gather_rows(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch, Stream& stream);
void gather_rows(MatrixView<const std::int32_t> source, const std::int32_t* rows, MatrixView<std::int32_t> batch,
                 Stream& stream);

/// z += bias and y = dropout(activation(z)).
void activate(const Dense& layer, Stream& stream);

/// dL/dy -> dL/dz in place, and the sum over the samples as the gradient of the bias.
/// @param partial  room for gradient_slices(samples) x outputs numbers
void activation_gradient(const Dense& layer, float* gradient, float* bias, float* partial, Stream& stream);
std::size_t gradient_slices(std::size_t samples);

/// As Backend::loss.
/// @param partial  room for loss_slices(samples) numbers
void loss(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale, float* gradient, float* sum,
          float* partial, Stream& stream);
std::size_t loss_slices(std::size_t samples);

/// out(j) = partial(0, j) + partial(1, j) + ... for a matrix of `slices` x `columns`; `add`: on top of what is there.
void add_slices(const float* partial, std::size_t slices, std::size_t columns, float* out, bool add, Stream& stream);

/// As Backend::add_squares, for at least one number.
/// @param partial  room for square_slices(count) numbers
void add_squares(const float* numbers, std::size_t count, float* sum, float* partial, Stream& stream);
std::size_t square_slices(std::size_t count);

/// As Backend::update.
void update(const Update& update, Stream& stream);

}  // namespace regatta::device::cuda
