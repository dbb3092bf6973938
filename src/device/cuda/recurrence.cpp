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
  kept.before_c = kept.before_h + rows * units;
  kept.more = layer.kind == CellKind::Lstm ? kept.before_c + rows * units : kept.before_c;
  return kept;
}

std::size_t time_of(const Recurrence& layer, std::size_t k) { return layer.reverse ? layer.steps - 1 - k : k; }

}  // namespace

void forward(const Recurrence& layer, RecurrenceScratch& scratch, Cublas& blas, Stream& stream) {
  const Kept kept = parts_of(layer);
  const std::size_t samples = layer.x.rows, rows = samples * layer.steps, units = layer.units(), columns = layer.columns();
  float* recurrent = scratch.recurrent.at_least(samples * columns);
  collect_inputs(layer, kept, stream);
  multiply(blas, {kept.x, rows, layer.inputs()}, layer.input_weights, {kept.gates, rows, columns});
  for (std::size_t k = 0; k < layer.steps; ++k) {
    const std::size_t row = time_of(layer, k) * samples;
    if (k == 0) {
      clear_numbers(recurrent, samples * columns, stream);
      clear_numbers(kept.before_h + row * units, samples * units, stream);
      if (layer.kind == CellKind::Lstm) clear_numbers(kept.before_c + row * units, samples * units, stream);
    } else {
      multiply(blas, {kept.before_h + row * units, samples, units}, layer.recurrent_weights, {recurrent, samples, columns});
    }
    advance_cells(layer, kept, k, recurrent, stream);
  }
}

void backward(const Recurrence& layer, const RecurrenceGradient& gradient, RecurrenceScratch& scratch, Cublas& blas,
              Stream& stream) {
  const Kept kept = parts_of(layer);
  const std::size_t samples = layer.x.rows, rows = samples * layer.steps, units = layer.units(), columns = layer.columns();
  const bool gru = layer.kind == CellKind::Gru;
  float* recurrent = gru ? scratch.recurrent.at_least(rows * columns) : kept.gates;
  float* dh = scratch.state.at_least(2 * samples * units);
  float* carry = dh + samples * units;
  clear_numbers(dh, 2 * samples * units, stream);
  for (std::size_t k = layer.steps; k-- > 0;) {
    float* own = recurrent + time_of(layer, k) * samples * columns;
    cell_gradients(layer, kept, gradient.y.data, k, own, dh, carry, stream);
    if (k > 0) input_gradient(blas, {own, samples, columns}, layer.recurrent_weights, {dh, samples, units});
  }
  weight_gradient(blas, {kept.x, rows, layer.inputs()}, {kept.gates, rows, columns}, gradient.input_weights);
  weight_gradient(blas, {kept.before_h, rows, units}, {recurrent, rows, columns}, gradient.recurrent_weights);
  sum_rows(kept.gates, rows, columns, columns, gradient.bias, stream);
  if (gru) sum_rows(recurrent + 2 * units, rows, columns, units, gradient.bias + columns, stream);
  if (!gradient.x.data) return;
  float* dx = scratch.x.at_least(rows * layer.inputs());
  input_gradient(blas, {kept.gates, rows, columns}, layer.input_weights, {dx, rows, layer.inputs()});
  scatter_inputs(layer, dx, gradient.x, gradient.add_to_x, stream);
}

}  // namespace regatta::device::cuda
