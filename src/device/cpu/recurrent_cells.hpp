#pragma once

#include <cstddef>

#include "regatta/device/recurrence.hpp"

// The loops of recurrent layers over the units of some samples at one step, each row without gaps and each
// compiled for AVX-512, AVX2 and any x86-64.
namespace regatta::device {

/// Rows of `columns` (gates * units) or `units` numbers; those that a kind of cell does not need may be null.
struct CellRows {
  std::size_t rows = 0, units = 0;
  std::size_t states = 0;  ///< from one row of before_h to the next
  float* gates = nullptr;
  float* recurrent = nullptr;   ///< h U; on the way back dL/d(h U) of a Gru
  const float* bias = nullptr;  ///< of one row, for all
  const float* before_h = nullptr;
  const float* before_c = nullptr;
  float* kept = nullptr;
  float* h = nullptr;  ///< out: h'; on the way back in: dL/dh'
  float* c = nullptr;  ///< out: c'; on the way back in: dL/dc' or what else reaches h', out: the same of the
                       ///< step before
  float* bias_gradient = nullptr;  ///< added to
};

void advance_cells(CellKind kind, const CellRows& rows);
void cell_gradients(CellKind kind, const CellRows& rows);

}  // namespace regatta::device
