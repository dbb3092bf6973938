#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "regatta/device/recurrence.hpp"

namespace regatta::device {

/// Memory that recurrent layers need between their steps, kept so that a training step allocates nothing.
struct RecurrenceScratch {
  std::vector<std::size_t> order, active, first;
  std::vector<float> recurrent, state, carry, all, x, product;
};

/// As Backend::forward and Backend::backward. Only steps that a sequence has are worked on: the samples are
/// sorted by length, so that those with a step t are the first ones of all.
void forward(const Recurrence& layer, RecurrenceScratch& scratch);
/// @param interlude  as Backend::set_interlude has it
void backward(const Recurrence& layer, const RecurrenceGradient& gradient, RecurrenceScratch& scratch,
              const std::function<void()>& interlude);

void forward(const Embedding& layer);
/// @param table  dL/dtable
void backward(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table);

}  // namespace regatta::device
