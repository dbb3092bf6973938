#pragma once

#include <cstddef>
#include <cstdint>

#include "../formulas.hpp"
#include "wide_tiles.hpp"

namespace regatta::device::cuda {

/// What becomes of gradients: the parameters' steps, or where they will be clipped a note of them.
class WideUpdate {
 public:
  /// @param factors  of the step
  __device__ WideUpdate(const Update& update, const formulas::UpdateFactors& factors)
      : factors_(factors),
        sgd_(update.kind == OptimizerKind::Sgd),
        noted_(update.clip > 0),
        parameters_(update.parameters),
        first_(update.first_moment),
        second_(update.second_moment),
        gradients_(const_cast<float*>(update.gradients)) {}

  template <bool penalised>
  __device__ void step(std::size_t place, float gradient) const {
    step<penalised>(parameters_[place], first_[place], second_[place], gradient);
  }
  template <bool penalised>
  __device__ void take(std::size_t place, float gradient) const {
    if (noted_)
      gradients_[place] = gradient;
    else
      step<penalised>(place, gradient);
  }

  /// Of a layer's weights.
  /// @param first  place of the layer
  template <class Kind>
  __device__ void take(const Finished<Kind>& tile, const Sizes& sizes, std::size_t first) const {
    if (!noted_ && sizes.columns % 4 == 0 && in_fours(first)) return take_fours(tile, sizes, first);
    tile.each(sizes, [&](std::uint32_t row, std::uint32_t column, float gradient) {
      take<true>(first + std::size_t{row} * sizes.columns + column, gradient);
    });
  }

 private:
  /// Four neighbouring weights and what belongs to them.
  struct Four {
    float4 parameters, first, second;
  };

  /// Some fours at a time, which wait for memory together.
  template <class Kind>
  __device__ void take_fours(const Finished<Kind>& tile, const Sizes& sizes, std::size_t first) const {
    constexpr unsigned all = Kind::elements / 4, together = all < 2 * wide_threads ? 1 : 2;
    REGATTA_UNROLL(1)
    for (unsigned next = threadIdx.x; next < all; next += together * wide_threads) {
      Four fours[together];
      std::size_t places[together];
      for (unsigned t = 0; t < together; ++t) {
        const unsigned i = 4 * (next + t * wide_threads);
        const bool there = tile.row(i) < sizes.rows && tile.column(i) < sizes.columns;
        places[t] = there ? first + std::size_t{tile.row(i)} * sizes.columns + tile.column(i) : nowhere;
        if (there) fours[t] = read(places[t]);
      }
      for (unsigned t = 0; t < together; ++t) {
        const unsigned i = 4 * (next + t * wide_threads);
        if (places[t] == nowhere) continue;
        step<true>(fours[t].parameters.x, fours[t].first.x, fours[t].second.x, tile.sum(i));
        step<true>(fours[t].parameters.y, fours[t].first.y, fours[t].second.y, tile.sum(i + 1));
        step<true>(fours[t].parameters.z, fours[t].first.z, fours[t].second.z, tile.sum(i + 2));
        step<true>(fours[t].parameters.w, fours[t].first.w, fours[t].second.w, tile.sum(i + 3));
        write(places[t], fours[t]);
      }
    }
  }

  template <bool penalised>
  __device__ void step(float& parameter, float& first, float& second, float gradient) const {
    if (sgd_)
      formulas::sgd<penalised>(factors_, gradient, parameter, first);
    else
      formulas::adam<penalised>(factors_, gradient, parameter, first, second);
  }
  __device__ Four read(std::size_t place) const {
    const auto four = [place](const float* from) { return *reinterpret_cast<const float4*>(from + place); };
    return {four(parameters_), four(first_), sgd_ ? float4{0, 0, 0, 0} : four(second_)};
  }
  __device__ void write(std::size_t place, const Four& four) const {
    *reinterpret_cast<float4*>(parameters_ + place) = four.parameters;
    *reinterpret_cast<float4*>(first_ + place) = four.first;
    if (!sgd_) *reinterpret_cast<float4*>(second_ + place) = four.second;
  }
  __device__ bool in_fours(std::size_t place) const {
    const auto aligned = [place](const float* numbers) {
      return reinterpret_cast<std::uintptr_t>(numbers + place) % sizeof(float4) == 0;
    };
    return aligned(parameters_) && aligned(first_) && (sgd_ || aligned(second_));
  }

  static constexpr std::size_t nowhere = ~std::size_t{0};

  formulas::UpdateFactors factors_;
  bool sgd_, noted_;
  float *parameters_, *first_, *second_;
  float* gradients_;
};

}  // namespace regatta::device::cuda
