#include "../cell_formulas.hpp"
#include "../dropout_hash.hpp"
#include "check.hpp"
#include "column_sums.hpp"
#include "kernels.hpp"
#include "launch.hpp"
#include "recurrence_step.hpp"

namespace regatta::device::cuda {
namespace {

using formulas::CellState;

__global__ void collect_rows(Recurrence layer, float* to) {
  const std::size_t row = row_of_thread(), samples = layer.x.rows, inputs = layer.inputs();
  if (row >= samples * layer.steps) return;
  const float* from = layer.x.data + row % samples * layer.x.columns + row / samples * inputs;
  for (std::size_t j = column_first(); j < inputs; j += column_step()) to[row * inputs + j] = from[j];
}

__global__ void scatter_rows(Recurrence layer, const float* from, float* x, bool add) {
  const std::size_t row = row_of_thread(), samples = layer.x.rows, inputs = layer.inputs();
  if (row >= samples * layer.steps) return;
  float* to = x + row % samples * layer.x.columns + row / samples * inputs;
  for (std::size_t j = column_first(); j < inputs; j += column_step())
    to[j] = (add ? to[j] : 0.0f) + from[row * inputs + j];
}

/// Adds a step to the output of a sample's unit, or begins it.
__device__ void take_output(const Step& step, std::size_t sample, std::size_t unit, std::size_t length, float h) {
  float& y = step.layer.y.data[step.output(sample, unit)];
  const bool first = step.k == 0 || step.layer.readout == Readout::All;
  y = (first ? 0.0f : y) + share_of_step(step.layer, step.time, length) * h;
}

/// @param h  out: states for the next step, samples x states
template <CellKind kind>
__global__ void advance_rows(Step step, const float* recurrent, float* h) {
  const std::size_t i = row_of_thread(), units = step.layer.units(), columns = step.layer.columns();
  if (i >= step.layer.x.rows) return;
  const std::size_t length = length_of(step.layer, i);
  const bool valid = step.time < length, more = step.k + 1 < step.layer.steps;
  const std::size_t row = step.row(i), next = step.layer.reverse ? row - step.layer.x.rows : row + step.layer.x.rows;
  for (std::size_t j = column_first(); j < units; j += column_step()) {
    const std::size_t at = row * units + j;
    float kept = 0;
    const CellState before{step.kept.before_h[step.state(row, j)], kind == CellKind::Lstm ? step.kept.before_c[at] : 0.0f};
    const CellState state = formulas::advance_cell<kind>(step.kept.gates + row * columns + j, recurrent + i * columns + j,
                                                         step.layer.bias + j, units, before, kept);
    if (kind != CellKind::Rnn) step.kept.more[at] = kept;
    if (h) h[step.state(i, j)] = valid ? state.h : 0.0f;
    if (more && kind == CellKind::Lstm) step.kept.before_c[next * units + j] = valid ? state.c : 0.0f;
    if (!step.layer.sum_over_parts) take_output(step, i, j, length, state.h);
  }
}

/// @param h  states of all ranks' units after the step, samples x states
__global__ void take_outputs(Step step, const float* h) {
  const std::size_t i = row_of_thread(), states = step.layer.states();
  if (i >= step.layer.x.rows) return;
  for (std::size_t j = column_first(); j < states; j += column_step())
    take_output(step, i, j, length_of(step.layer, i), h[i * states + j]);
}

template <CellKind kind>
__global__ void gradient_rows(Step step, const float* dy, float* recurrent, const float* dh, float* carry) {
  const std::size_t i = row_of_thread(), units = step.layer.units(), columns = step.layer.columns();
  if (i >= step.layer.x.rows) return;
  const std::size_t row = step.row(i), length = length_of(step.layer, i);
  const bool valid = step.time < length;
  for (std::size_t j = column_first(); j < units; j += column_step()) {
    const std::size_t at = row * units + j;
    float* gates = step.kept.gates + row * columns + j;
    float* own = kind == CellKind::Gru ? recurrent + i * columns + j : gates;
    float& carried = carry[i * units + j];
    const CellState before{step.kept.before_h[step.state(row, j)], kind == CellKind::Lstm ? step.kept.before_c[at] : 0.0f};
    const float of_output = dy[step.output(i, step.layer.first_unit + j)];
    CellState after{dh[step.state(i, j)] + share_of_step(step.layer, step.time, length) * of_output, carried};
    if (kind == CellKind::Gru) after.h += carried;
    const float kept = kind == CellKind::Rnn ? 0.0f : step.kept.more[at];
    const float left = formulas::cell_gradient<kind>(gates, own, units, before, kept, after);
    carried = valid ? left : 0.0f;
    for (std::size_t gate = 0; gate < gates_of(kind) && !valid; ++gate) gates[gate * units] = own[gate * units] = 0.0f;
  }
}

__global__ void __launch_bounds__(threads_per_slice)
    add_rows(const float* numbers, std::size_t rows, std::size_t stride, std::size_t columns, float* partial) {
  const std::size_t j = slice_column();
  const SliceRows slice = slice_rows(rows);
  float sum = 0;
  if (j < columns)
    for (std::size_t i = slice.first; i < slice.end; i += blockDim.y) sum += numbers[i * stride + j];
  sum = column_sum(sum);
  if (threadIdx.y == 0 && j < columns) partial[blockIdx.x * columns + j] = sum;
}

__global__ void embed_rows(Embedding layer) {
  const std::size_t i = row_of_thread(), width = layer.table.columns;
  if (i >= layer.tokens.size()) return;
  const float* from = layer.table.data + static_cast<std::size_t>(layer.tokens.data[i]) * width;
  for (std::size_t j = column_first(); j < width; j += column_step()) layer.y.data[i * width + j] = from[j];
}

/// Each thread adds up one number of one token, so that the order is fixed.
__global__ void embedding_rows(Embedding layer, const float* y, MatrixView<float> table) {
  const std::size_t token = row_of_thread(), width = table.columns;
  if (token >= table.rows) return;
  for (std::size_t j = column_first(); j < width; j += column_step()) {
    float sum = 0;
    for (std::size_t i = 0; i < layer.tokens.size(); ++i)
      if (static_cast<std::size_t>(layer.tokens.data[i]) == token) sum += y[i * width + j];
    table.data[token * width + j] = sum;
  }
}

__global__ void drop_numbers(Dropout dropout, std::uint32_t threshold, MatrixView<float> values) {
  const std::size_t i = row_of_thread();
  if (i >= values.rows) return;
  const std::uint64_t key = dropout_row(dropout.key, dropout.first_sample + i);
  const float scale = 1.0f / (1.0f - dropout.rate);
  for (std::size_t j = column_first(); j < values.columns; j += column_step())
    values.data[i * values.columns + j] *= dropout_factor(key, static_cast<std::uint32_t>(j), threshold, scale);
}

auto advance_kernel(CellKind kind) {
  if (kind == CellKind::Rnn) return advance_rows<CellKind::Rnn>;
  return kind == CellKind::Gru ? advance_rows<CellKind::Gru> : advance_rows<CellKind::Lstm>;
}

auto gradient_kernel(CellKind kind) {
  if (kind == CellKind::Rnn) return gradient_rows<CellKind::Rnn>;
  return kind == CellKind::Gru ? gradient_rows<CellKind::Gru> : gradient_rows<CellKind::Lstm>;
}

}  // namespace

void collect_inputs(const Recurrence& layer, const Kept& kept, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows * layer.steps, layer.inputs()), collect_rows, layer, kept.x));
}

void scatter_inputs(const Recurrence& layer, const float* dx, MatrixView<float> x, bool add, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows * layer.steps, layer.inputs()), scatter_rows, layer, dx, x.data, add));
}

void advance_cells(const Recurrence& layer, const Kept& kept, std::size_t k, const float* recurrent, float* h, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows, layer.units()), advance_kernel(layer.kind), Step(layer, kept, k), recurrent,
               h));
}

void read_out(const Recurrence& layer, const Kept& kept, std::size_t k, const float* h, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows, layer.states()), take_outputs, Step(layer, kept, k), h));
}

void cell_gradients(const Recurrence& layer, const Kept& kept, const float* dy, std::size_t k, float* recurrent,
                    const float* dh, float* carry, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows, layer.units()), gradient_kernel(layer.kind), Step(layer, kept, k), dy,
               recurrent, dh, carry));
}

void sum_rows(const float* numbers, std::size_t rows, std::size_t stride, std::size_t columns, float* sums,
              Scratch<float>& scratch, Stream& stream) {
  const std::size_t slices = row_slices(rows);
  float* partial = slices == 1 ? sums : scratch.at_least(slices * columns);
  check(launch(stream, slices_shape(rows, columns), add_rows, numbers, rows, stride, columns, partial));
  if (slices > 1) add_slices(partial, slices, columns, sums, false, stream);
}

void embed(const Embedding& layer, Stream& stream) {
  check(launch(stream, matrix_shape(layer.tokens.size(), layer.table.columns), embed_rows, layer));
}

void embedding_gradient(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table, Stream& stream) {
  check(launch(stream, matrix_shape(table.rows, table.columns), embedding_rows, layer, y.data, table));
}

void drop(const Dropout& dropout, MatrixView<float> values, Stream& stream) {
  check(launch(stream, matrix_shape(values.rows, values.columns), drop_numbers, dropout, dropout_threshold(dropout.rate),
               values));
}

}  // namespace regatta::device::cuda
