#pragma once

#include "handles.hpp"
#include "regatta/device/backend.hpp"

// Recurrent layers and embeddings: as the functions of Backend, in flight on the stream of `blas`.
namespace regatta::device::cuda {

/// Memory between the steps of a recurrent layer.
struct RecurrenceScratch {
  explicit RecurrenceScratch(Stream& stream) : recurrent(stream), state(stream), x(stream), partial(stream) {}

  Scratch<float> recurrent, state, x, partial;
};

void forward(const Recurrence& layer, RecurrenceScratch& scratch, Cublas& blas, Stream& stream);
void backward(const Recurrence& layer, const RecurrenceGradient& gradient, RecurrenceScratch& scratch, Cublas& blas,
              Stream& stream);

/// What a recurrent layer keeps, in rows of all samples step by step.
struct Kept {
  float* x;
  float* gates;  ///< x W, then the activated gates, then their gradients
  float* before_h;  ///< of all ranks' units
  float* before_c;  ///< Lstm
  float* more;      ///< Lstm: tanh(c'), Gru: h U + b' of n
};

/// kept.x, from a row per sample.
void collect_inputs(const Recurrence& layer, const Kept& kept, Stream& stream);

/// Whether the next two can do all steps at once; else they are done one by one.
bool fits_one_kernel(const Recurrence& layer);
/// From x W in kept.gates to everything that is kept, and outputs.
void advance_all(const Recurrence& layer, const Kept& kept, Stream& stream);
/// dL/d(x W) in the place of the gates.
/// @param dy         dL/dy of the layer
/// @param recurrent  out: dL/d(h U) in rows as those of kept.gates, for a Gru
void all_gradients(const Recurrence& layer, const Kept& kept, const float* dy, float* recurrent, Stream& stream);

/// The k-th step: from h U in `recurrent` to the next states and, where ranks have not divided the layer, outputs.
/// @param h  out: states, samples x states, of which only those of this rank's units are written; null: they are not needed
void advance_cells(const Recurrence& layer, const Kept& kept, std::size_t k, const float* recurrent, float* h, Stream& stream);
/// Outputs of the k-th step from the states of all ranks after it.
void read_out(const Recurrence& layer, const Kept& kept, std::size_t k, const float* h, Stream& stream);
/// The k-th step on the way back.
/// @param dy         dL/dy of the layer
/// @param recurrent  out: dL/d(h U) of this step, for a Gru
/// @param dh         dL/dh' without that of this step's output, samples x states
/// @param carry      in and out: as cell_gradient()
void cell_gradients(const Recurrence& layer, const Kept& kept, const float* dy, std::size_t k, float* recurrent,
                    const float* dh, float* carry, Stream& stream);

/// sums(j) = sum_i numbers[i stride + j] for `columns` columns
/// @param scratch  for sums over slices of rows
void sum_rows(const float* numbers, std::size_t rows, std::size_t stride, std::size_t columns, float* sums,
              Scratch<float>& scratch, Stream& stream);
/// A row per sample of dL/dx, from rows as those of kept.x.
void scatter_inputs(const Recurrence& layer, const float* dx, MatrixView<float> x, bool add, Stream& stream);

void embed(const Embedding& layer, Stream& stream);
void embedding_gradient(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table, Stream& stream);
void drop(const Dropout& dropout, MatrixView<float> values, Stream& stream);

}  // namespace regatta::device::cuda
