#pragma once

#include "handles.hpp"
#include "regatta/device/backend.hpp"

// Recurrent layers and embeddings: as the functions of Backend, in flight on the stream of `blas`.
namespace regatta::device::cuda {

/// Memory between the steps of a recurrent layer.
struct RecurrenceScratch {
  explicit RecurrenceScratch(Stream& stream) : recurrent(stream), state(stream), x(stream) {}

  Scratch<float> recurrent, state, x;
};

void forward(const Recurrence& layer, RecurrenceScratch& scratch, Cublas& blas, Stream& stream);
void backward(const Recurrence& layer, const RecurrenceGradient& gradient, RecurrenceScratch& scratch, Cublas& blas,
              Stream& stream);

/// What a recurrent layer keeps, in rows of all samples step by step.
struct Kept {
  float* x;
  float* gates;  ///< x W, then the activated gates, then their gradients
  float* before_h;
  float* before_c;  ///< Lstm
  float* more;      ///< Lstm: tanh(c'), Gru: h U + b' of n
};

/// kept.x, from a row per sample.
void collect_inputs(const Recurrence& layer, const Kept& kept, Stream& stream);
/// The k-th step: states, from h U in `recurrent`, to where the next step has those before it, and outputs.
void advance_cells(const Recurrence& layer, const Kept& kept, std::size_t k, const float* recurrent, Stream& stream);
/// The k-th step on the way back.
/// @param dy         dL/dy of the layer
/// @param recurrent  out: dL/d(h U) of this step, for a Gru
/// @param dh         dL/dh' without that of this step's output
/// @param carry      in and out: as cell_gradient()
void cell_gradients(const Recurrence& layer, const Kept& kept, const float* dy, std::size_t k, float* recurrent,
                    const float* dh, float* carry, Stream& stream);
/// sums(j) = sum_i numbers[i stride + j] for `columns` columns
void sum_rows(const float* numbers, std::size_t rows, std::size_t stride, std::size_t columns, float* sums,
              Stream& stream);
/// A row per sample of dL/dx, from rows as those of kept.x.
void scatter_inputs(const Recurrence& layer, const float* dx, MatrixView<float> x, bool add, Stream& stream);

void embed(const Embedding& layer, Stream& stream);
void embedding_gradient(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table, Stream& stream);
void drop(const Dropout& dropout, MatrixView<float> values, Stream& stream);

}  // namespace regatta::device::cuda
