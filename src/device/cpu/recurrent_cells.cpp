#include "recurrent_cells.hpp"

#include "../cell_formulas.hpp"

// target_clones stands at functions that only choose a template, as in elementwise.cpp.
namespace regatta::device {
namespace {

using formulas::CellState;

template <CellKind kind>
[[gnu::always_inline]] inline void advance_rows(const CellRows& r) {
  constexpr std::size_t gate_count = gates_of(kind);
  const std::size_t units = r.units;
  for (std::size_t i = 0; i < r.rows; ++i) {
    float* gates = r.gates + i * gate_count * units;
    const float* recurrent = r.recurrent + i * gate_count * units;
    const std::size_t at = i * units;
#pragma GCC ivdep
    for (std::size_t j = 0; j < units; ++j) {
      CellState before{0, 0};
      if constexpr (kind == CellKind::Gru) before.h = r.before_h[i * r.states + j];
      if constexpr (kind == CellKind::Lstm) before.c = r.before_c[at + j];
      float kept = 0;
      const CellState state =
          formulas::advance_cell<kind>(gates + j, recurrent + j, r.bias + j, units, before, kept);
      r.h[at + j] = state.h;
      if constexpr (kind == CellKind::Lstm) r.c[at + j] = state.c;
      if constexpr (kind != CellKind::Rnn) r.kept[at + j] = kept;
    }
  }
}

template <CellKind kind>
[[gnu::always_inline]] inline void gradient_rows(const CellRows& r) {
  constexpr std::size_t gate_count = gates_of(kind);
  const std::size_t units = r.units;
  for (std::size_t i = 0; i < r.rows; ++i) {
    float* gates = r.gates + i * gate_count * units;
    float* recurrent = kind == CellKind::Gru ? r.recurrent + i * gate_count * units : gates;
    const std::size_t at = i * units;
#pragma GCC ivdep
    for (std::size_t j = 0; j < units; ++j) {
      CellState before{0, 0}, after{r.h[at + j], 0};
      if constexpr (kind == CellKind::Gru) {
        before.h = r.before_h[i * r.states + j];
        after.h += r.c[at + j];
      }
      if constexpr (kind == CellKind::Lstm) {
        before.c = r.before_c[at + j];
        after.c = r.c[at + j];
      }
      const float kept = kind == CellKind::Rnn ? 0.0f : r.kept[at + j];
      const float carry = formulas::cell_gradient<kind>(gates + j, recurrent + j, units, before, kept, after);
      if constexpr (kind != CellKind::Rnn) r.c[at + j] = carry;
    }
    for (std::size_t gate = 0; gate < gate_count; ++gate)
#pragma GCC ivdep
      for (std::size_t j = 0; j < units; ++j) r.bias_gradient[gate * units + j] += gates[gate * units + j];
    if constexpr (kind == CellKind::Gru)
#pragma GCC ivdep
      for (std::size_t j = 0; j < units; ++j) r.bias_gradient[3 * units + j] += recurrent[2 * units + j];
  }
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void advance_cells(
    CellKind kind, const CellRows& rows) {
  switch (kind) {
    case CellKind::Rnn:
      return advance_rows<CellKind::Rnn>(rows);
    case CellKind::Gru:
      return advance_rows<CellKind::Gru>(rows);
    case CellKind::Lstm:
      return advance_rows<CellKind::Lstm>(rows);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void cell_gradients(
    CellKind kind, const CellRows& rows) {
  switch (kind) {
    case CellKind::Rnn:
      return gradient_rows<CellKind::Rnn>(rows);
    case CellKind::Gru:
      return gradient_rows<CellKind::Gru>(rows);
    case CellKind::Lstm:
      return gradient_rows<CellKind::Lstm>(rows);
  }
}

}  // namespace regatta::device
