#include "regatta/train/shared_update.hpp"

#include <algorithm>

#include "regatta/core/clock.hpp"

namespace regatta::train {

SharedUpdate::SharedUpdate(const device::Backend& backend, comm::Communicator* team, std::size_t parameters)
    : team_(backend.host_memory() ? team : nullptr),
      parameters_(parameters),
      layout_(parameters),
      memory_(team_ ? comm::TeamMemory(layout_.size) : comm::TeamMemory()) {}

bool SharedUpdate::active() {
  if (team_ && !tried_) connected_ = memory_.connect(*team_);
  tried_ = true;
  return connected_;
}

void SharedUpdate::wait() {
  const Stopwatch clock;
  memory_.wait_for_all();
  wait_seconds_ += clock.seconds();
}

float SharedUpdate::sum_of(float own) {
  const Stopwatch clock;
  const float sum = memory_.sum_of(own);
  wait_seconds_ += clock.seconds();
  return sum;
}

/// Where gradients are clipped all of a slice is summed before any of it is updated, as the norm is that of
/// all slices.
void SharedUpdate::step(Network& network, const OptimizerSpec& optimizer, double rate, std::int64_t step,
                        double clip) {
  constexpr std::size_t chunk = 4096;  ///< numbers that are still in the first cache when they are given away
  const auto [first, end] = memory_.slice_of(memory_.rank(), parameters_);
  wait();
  if (clip > 0) {
    memory_.sum(layout_.gradients + first, layout_.gradients + end);
    network.take_squared_norm({first, end}, [this](float* squares) { *squares = sum_of(*squares); });
  }
  for (std::size_t at = first; at < end; at += chunk) {
    const std::size_t next = std::min(at + chunk, end);
    if (clip == 0) memory_.sum(layout_.gradients + at, layout_.gradients + next);
    network.update(optimizer, rate, step, clip, {at, next});
    memory_.give(at, next);
  }
  wait();
}

void SharedUpdate::complete() {
  for (int rank = 0; rank < memory_.size(); ++rank) {
    if (rank == memory_.rank()) continue;
    const auto [first, end] = memory_.slice_of(rank, parameters_);
    for (const std::size_t moment : {layout_.first_moment, layout_.second_moment})
      memory_.take(rank, moment + first, moment + end);
  }
}

}  // namespace regatta::train
