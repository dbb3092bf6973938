#pragma once

#include <cstddef>

#include "recurrence.hpp"

namespace regatta::device::cuda {

/// Of the state after the step at `time`, in the output of a sequence of this length.
constexpr float share_of_step(const Recurrence& layer, std::size_t time, std::size_t length) {
  if (time >= length) return 0.0f;
  if (layer.readout == Readout::All) return 1.0f;
  if (layer.readout == Readout::Mean) return 1.0f / static_cast<float>(length);
  return time == (layer.reverse ? 0 : length - 1) ? 1.0f : 0.0f;
}

constexpr std::size_t length_of(const Recurrence& layer, std::size_t sample) {
  return layer.lengths ? static_cast<std::size_t>(layer.lengths[sample]) : layer.steps;
}

/// One step of one direction, for kernels.
struct Step {
  Recurrence layer;
  Kept kept;
  std::size_t k, time;

  constexpr Step(const Recurrence& layer_, const Kept& kept_, std::size_t k_)
      : layer(layer_), kept(kept_), k(k_), time(layer_.reverse ? layer_.steps - 1 - k_ : k_) {}

  constexpr std::size_t row(std::size_t sample) const { return time * layer.x.rows + sample; }

  /// Where the state of this rank's unit lies among rows of the states of all.
  constexpr std::size_t state(std::size_t row, std::size_t unit) const {
    return row * layer.states() + layer.first_unit + unit;
  }

  /// Where the output of a sample's unit lies.
  constexpr std::size_t output(std::size_t sample, std::size_t unit) const {
    const std::size_t first = sample * layer.y.columns + layer.y_first + unit;
    return layer.readout == Readout::All ? first + time * layer.y_step : first;
  }
};

}  // namespace regatta::device::cuda
