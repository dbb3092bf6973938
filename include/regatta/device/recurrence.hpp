#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "regatta/device/matrix_view.hpp"

namespace regatta::device {

/// What one unit of a recurrent layer does with a = x W + h U + b at each step (x: input, h: state before):
///
///     Rnn   h' = tanh(a)                                                        (Elman 1990)
///     Gru   r, z = sigmoid(a);  n = tanh(x W + b + r (h U + b'));  h' = (1 - z) n + z h
///           (Cho et al. 2014, with the reset gate behind the product, as cuDNN has it)
///     Lstm  i, f, o = sigmoid(a), g = tanh(a);  c' = f c + i g;  h' = o tanh(c')
///           (Hochreiter and Schmidhuber 1997, Gers et al. 2000)
///
/// The columns of W, U and b hold the gates one after another: Gru r, z, n; Lstm i, f, g, o.
enum class CellKind : std::int32_t { Rnn, Gru, Lstm };

constexpr std::size_t gates_of(CellKind kind) {
  return kind == CellKind::Lstm ? 4 : kind == CellKind::Gru ? 3 : 1;
}
/// Of `units` units: one per gate, and b' of a Gru behind them.
constexpr std::size_t cell_biases(CellKind kind, std::size_t units) {
  return (gates_of(kind) + (kind == CellKind::Gru)) * units;
}

/// What leaves a recurrent layer.
enum class Readout : std::int32_t {
  All,   ///< the state after every step; 0 behind the length
  Last,  ///< the state after the last step of the sequence
  Mean,  ///< the mean of the states after its steps
};

/// One direction of a recurrent layer, over whole sequences from a state of 0. A sequence ends at its length;
/// numbers behind it have no effect.
struct Recurrence {
  CellKind kind = CellKind::Lstm;
  bool reverse = false;  ///< from the last step to the first; then the first is the last one
  Readout readout = Readout::Last;
  std::size_t steps = 0;
  MatrixView<const float> x;                  ///< samples x (steps * inputs)
  const std::int32_t* lengths = nullptr;      ///< samples, 1 .. steps; null: all have `steps`
  MatrixView<const float> input_weights;      ///< W: inputs x (gates * units)
  MatrixView<const float> recurrent_weights;  ///< U: units x (gates * units)
  const float* bias = nullptr;                ///< cell_biases()
  float* kept = nullptr;                      ///< samples * kept_numbers(), for the backward pass
  MatrixView<float> y;                        ///< samples x numbers of all directions
  std::size_t y_first = 0;                    ///< column of this direction's first number
  std::size_t y_step = 0;                     ///< columns from one step to the next (Readout::All)
  std::size_t first_unit = 0;                 ///< of those that this rank has
  /// Where ranks have divided the units: replaces numbers on the backend by their sum over the ranks. U has a row for each
  /// state of the layer, and y a column.
  const std::function<void(std::span<float>)>* sum_over_parts = nullptr;

  constexpr std::size_t inputs() const { return input_weights.rows; }
  constexpr std::size_t states() const { return recurrent_weights.rows; }      ///< units of all ranks
  constexpr std::size_t columns() const { return recurrent_weights.columns; }  ///< gates * units
  constexpr std::size_t units() const { return columns() / gates_of(kind); }
};

/// Per sample: the inputs, gates and states before each step, and what else the kind of cell needs.
/// @param states  units of all ranks that have divided them
constexpr std::size_t kept_numbers(CellKind kind, std::size_t steps, std::size_t inputs, std::size_t units,
                                   std::size_t states) {
  const std::size_t more = kind == CellKind::Lstm ? 2 : kind == CellKind::Gru ? 1 : 0;
  return steps * (inputs + (gates_of(kind) + more) * units + states);
}

/// Gradients of the loss for one direction of a recurrent layer (backpropagation through time).
struct RecurrenceGradient {
  MatrixView<const float> y;            ///< dL/dy, laid out as y
  MatrixView<float> input_weights;      ///< out (overwritten)
  MatrixView<float> recurrent_weights;  ///< out (overwritten)
  float* bias = nullptr;                ///< out (overwritten)
  MatrixView<float> x;                  ///< out: dL/dx, 0 behind the length; data null: not needed
  bool add_to_x = false;                ///< on top of what is there: of the other direction
};

/// Rows of a table in place of tokens.
struct Embedding {
  MatrixView<const float> tokens;  ///< samples x steps, whole numbers below table.rows
  MatrixView<const float> table;   ///< tokens x width
  MatrixView<float> y;             ///< samples x (steps * width)
};

}  // namespace regatta::device
