#include "recurrence.hpp"

#include "product.hpp"

namespace regatta::device::cuda {
namespace {

void clear_numbers(float* block, std::size_t count, Stream& stream) { clear(block, count * sizeof(float), stream); }

Kept parts_of(const Recurrence& layer) {
  const std::size_t rows = layer.x.rows * layer.steps, units = layer.units();
  Kept kept{};
  kept.x = layer.kept;
  kept.gates = kept.x + rows * layer.inputs();
  kept.before_h = kept.gates + rows * layer.columns();
  kept.before_c = kept.before_h + rows * layer.states();
  kept.more = layer.kind == CellKind::Lstm ? kept.before_c + rows * units : kept.before_c;
  return kept;
}

std::size_t time_of(const Recurrence& layer, std::size_t k) { return layer.reverse ? layer.steps - 1 - k : k; }

void advance_step_by_step(const Recurrence& layer, const Kept& kept, RecurrenceScratch& scratch, Cublas& blas,
                          Stream& stream) {
  const std::size_t samples = layer.x.rows, units = layer.units(), states = layer.states(), columns = layer.columns();
  float* recurrent = scratch.recurrent.at_least(samples * columns);
  float* last = layer.sum_over_parts ? scratch.state.at_least(samples * states) : nullptr;
  for (std::size_t k = 0; k < layer.steps; ++k) {
    const std::size_t row = time_of(layer, k) * samples;
    if (k == 0) {
      clear_numbers(recurrent, samples * columns, stream);
      clear_numbers(kept.before_h + row * states, samples * states, stream);
      if (layer.kind == CellKind::Lstm) clear_numbers(kept.before_c + row * units, samples * units, stream);
    } else {
      multiply(blas, {kept.before_h + row * states, samples, states}, layer.recurrent_weights, {recurrent, samples, columns});
    }
    float* next = k + 1 < layer.steps ? kept.before_h + time_of(layer, k + 1) * samples * states : last;
    if (layer.sum_over_parts) clear_numbers(next, samples * states, stream);
    advance_cells(layer, kept, k, recurrent, next, stream);
    if (!layer.sum_over_parts) continue;
    (*layer.sum_over_parts)({next, samples * states});
    read_out(layer, kept, k, next, stream);
  }
}

/// @param recurrent  out: dL/d(h U) of all steps
void gradients_step_by_step(const Recurrence& layer, const Kept& kept, const float* dy, float* recurrent,
                            RecurrenceScratch& scratch, Cublas& blas, Stream& stream) {
  const std::size_t samples = layer.x.rows, units = layer.units(), states = layer.states(), columns = layer.columns();
  float* dh = scratch.state.at_least(samples * (states + units));
  float* carry = dh + samples * states;
  clear_numbers(dh, samples * (states + units), stream);
  for (std::size_t k = layer.steps; k-- > 0;) {
    float* own = recurrent + time_of(layer, k) * samples * columns;
    cell_gradients(layer, kept, dy, k, own, dh, carry, stream);
    if (k == 0) break;
    input_gradient(blas, {own, samples, columns}, layer.recurrent_weights, {dh, samples, states});
    if (layer.sum_over_parts) (*layer.sum_over_parts)({dh, samples * states});
  }
}

}  // namespace

void forward(const Recurrence& layer, RecurrenceScratch& scratch, Cublas& blas, Stream& stream) {
  const Kept kept = parts_of(layer);
  const std::size_t rows = layer.x.rows * layer.steps;
  collect_inputs(layer, kept, stream);
  multiply(blas, {kept.x, rows, layer.inputs()}, layer.input_weights, {kept.gates, rows, layer.columns()});
  if (fits_one_kernel(layer)) advance_all(layer, kept, stream);
  else advance_step_by_step(layer, kept, scratch, blas, stream);
}

void backward(const Recurrence& layer, const RecurrenceGradient& gradient, RecurrenceScratch& scratch, Cublas& blas,
              Stream& stream) {
  const Kept kept = parts_of(layer);
  const std::size_t rows = layer.x.rows * layer.steps, units = layer.units(), columns = layer.columns();
  const bool gru = layer.kind == CellKind::Gru;
  float* recurrent = gru ? scratch.recurrent.at_least(rows * columns) : kept.gates;
  if (fits_one_kernel(layer)) all_gradients(layer, kept, gradient.y.data, recurrent, stream);
  else gradients_step_by_step(layer, kept, gradient.y.data, recurrent, scratch, blas, stream);
  weight_gradient(blas, {kept.x, rows, layer.inputs()}, {kept.gates, rows, columns}, gradient.input_weights);
  weight_gradient(blas, {kept.before_h, rows, layer.states()}, {recurrent, rows, columns}, gradient.recurrent_weights);
  sum_rows(kept.gates, rows, columns, columns, gradient.bias, scratch.partial, stream);
  if (gru) sum_rows(recurrent + 2 * units, rows, columns, units, gradient.bias + columns, scratch.partial, stream);
  if (!gradient.x.data) return;
  float* dx = scratch.x.at_least(rows * layer.inputs());
  input_gradient(blas, {kept.gates, rows, columns}, layer.input_weights, {dx, rows, layer.inputs()});
  scatter_inputs(layer, dx, gradient.x, gradient.add_to_x, stream);
}

}  // namespace regatta::device::cuda
