#pragma once

#include "formulas.hpp"
#include "regatta/device/recurrence.hpp"

// One unit of a recurrent layer at one step: the arithmetic of all backends, as in formulas.hpp. Gates of a
// unit lie `units` numbers apart.
namespace regatta::device::formulas {

/// tanh x to 2e-7 absolute, which is enough for a state, at half the cost of hyperbolic_tangent().
constexpr float state_tangent(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

/// What goes from one step to the next; forward the state (h, c), c for the Lstm only.
struct CellState {
  float h, c;
};

/// @param gates      in: x W, out: the activated gates
/// @param recurrent  h U
/// @param kept       out: tanh(c') of an Lstm, h U + b' of a Gru's n
template <CellKind kind>
constexpr CellState advance_cell(float* gates, const float* recurrent, const float* bias, std::size_t units,
                                 CellState before, float& kept) {
  const auto sum = [&](std::size_t gate) {
    return gates[gate * units] + recurrent[gate * units] + bias[gate * units];
  };
  if constexpr (kind == CellKind::Rnn) {
    gates[0] = state_tangent(sum(0));
    return {gates[0], 0.0f};
  } else if constexpr (kind == CellKind::Gru) {
    const float r = sigmoid(sum(0)), z = sigmoid(sum(1));
    kept = recurrent[2 * units] + bias[3 * units];
    const float n = state_tangent(gates[2 * units] + bias[2 * units] + r * kept);
    gates[0] = r;
    gates[units] = z;
    gates[2 * units] = n;
    return {(1.0f - z) * n + z * before.h, 0.0f};
  } else {
    const float i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = state_tangent(sum(2)), o = sigmoid(sum(3));
    gates[0] = i;
    gates[units] = f;
    gates[2 * units] = g;
    gates[3 * units] = o;
    const float c = f * before.c + i * g;
    kept = state_tangent(c);
    return {o * kept, c};
  }
}

/// The way back.
/// @param gates      in: activated, out: dL/d(x W)
/// @param recurrent  out: dL/d(h U) of a Gru; others have it in `gates`
/// @param after      dL/dh' and dL/dc' of an Lstm
/// @return what reaches the state before other than through h U: h of a Gru, c of an Lstm
template <CellKind kind>
constexpr float cell_gradient(float* gates, float* recurrent, std::size_t units, CellState before, float kept,
                              CellState after) {
  if constexpr (kind == CellKind::Rnn) {
    gates[0] = after.h * (1.0f - gates[0] * gates[0]);
    return 0.0f;
  } else if constexpr (kind == CellKind::Gru) {
    const float r = gates[0], z = gates[units], n = gates[2 * units];
    const float dn = after.h * (1.0f - z) * (1.0f - n * n);
    gates[0] = recurrent[0] = dn * kept * r * (1.0f - r);
    gates[units] = recurrent[units] = after.h * (before.h - n) * z * (1.0f - z);
    gates[2 * units] = dn;
    recurrent[2 * units] = dn * r;
    return after.h * z;
  } else {
    const float i = gates[0], f = gates[units], g = gates[2 * units], o = gates[3 * units];
    const float dc = after.c + after.h * o * (1.0f - kept * kept);
    gates[0] = dc * g * i * (1.0f - i);
    gates[units] = dc * before.c * f * (1.0f - f);
    gates[2 * units] = dc * i * (1.0f - g * g);
    gates[3 * units] = after.h * kept * o * (1.0f - o);
    return dc * f;
  }
}

}  // namespace regatta::device::formulas
