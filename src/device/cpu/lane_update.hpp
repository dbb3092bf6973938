#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "../formulas.hpp"

namespace regatta::device::loops {

/// A number of each lane.
template <int lanes, class T = float>
using Numbers = std::array<T, lanes>;

/// What the lanes' optimizers do in one step: nothing until set() says otherwise.
template <int lanes>
struct InterleavedFactors {
  InterleavedFactors() { epsilon.fill(1); }  // or 0 / 0

  alignas(64) Numbers<lanes> rate{}, momentum{}, beta1{}, beta2{}, epsilon, coupled_decay{},
      decoupled_decay{}, l1{}, correction1{}, correction2{}, scale{};
  Numbers<lanes, std::int32_t> nesterov{}, sgd{};

  void set(std::size_t lane, const Update& update) {
    const formulas::UpdateFactors f = formulas::factors_of(update);
    rate[lane] = f.rate, momentum[lane] = f.momentum, beta1[lane] = f.beta1, beta2[lane] = f.beta2,
    epsilon[lane] = f.epsilon;
    coupled_decay[lane] = f.coupled_decay, decoupled_decay[lane] = f.decoupled_decay, l1[lane] = f.l1;
    correction1[lane] = f.correction1, correction2[lane] = f.correction2, scale[lane] = f.scale();
    nesterov[lane] = f.nesterov, sgd[lane] = update.kind == OptimizerKind::Sgd;
  }
  formulas::UpdateFactors of(std::size_t lane) const {
    return {rate[lane],
            momentum[lane],
            beta1[lane],
            beta2[lane],
            epsilon[lane],
            coupled_decay[lane],
            decoupled_decay[lane],
            l1[lane],
            correction1[lane],
            correction2[lane],
            nesterov[lane] != 0,
            0,
            nullptr};
  }
};

/// Parameters of all lanes, and what belongs to them.
struct InterleavedState {
  float *parameters, *gradients, *first_moment, *second_moment;
};

/// Numbers [first, end) of each lane, some of which take SGD and some Adam.
template <int lanes, bool penalised, bool sgd, bool adam>
void update_lanes(const InterleavedState& state, const InterleavedFactors<lanes>& factors, std::size_t first,
                  std::size_t end) {
  const InterleavedState to = state;
  for (std::size_t n = first * lanes; n < end * lanes; n += lanes)
#pragma GCC ivdep
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const formulas::UpdateFactors f = factors.of(lane);
      const float g = factors.scale[lane] * to.gradients[n + lane];
      float w = to.parameters[n + lane], m = to.first_moment[n + lane], by_sgd = w, velocity = m;
      if constexpr (adam) formulas::adam<penalised>(f, g, w, m, to.second_moment[n + lane]);
      if constexpr (sgd) formulas::sgd<penalised>(f, g, by_sgd, velocity);
      const bool takes_sgd = sgd && (!adam || factors.sgd[lane] != 0);
      to.parameters[n + lane] = takes_sgd ? by_sgd : w;
      to.first_moment[n + lane] = takes_sgd ? velocity : m;
    }
}

}  // namespace regatta::device::loops
