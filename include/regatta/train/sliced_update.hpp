#pragma once

#include <cstddef>
#include <cstdint>

#include "regatta/device/device_team.hpp"
#include "regatta/train/network.hpp"

namespace regatta::train {

/// Optimizer steps of a team of devices that add up numbers without their hosts: each of them gets the sums of one slice of the
/// gradients, updates that slice and shares it with the others. The same numbers pass between devices as in a sum
/// of all gradients, and each is updated once; but there is one more operation, and its latency.
class SlicedUpdate {
 public:
  /// All live longer.
  /// @param team  of this size, in which this rank is number `rank`
  SlicedUpdate(device::DeviceTeam& team, std::size_t rank, std::size_t size, Network& network);

  /// In place of Network::update, after the gradients of this rank's share of the batch are there.
  void step(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);
  /// Takes over what the others have of the optimizer's state; collective.
  void complete();

 private:
  float* at(std::size_t place) { return network_.arena().data() + place; }

  device::DeviceTeam& team_;
  Network& network_;
  ArenaLayout layout_;
  Share own_;
};

}  // namespace regatta::train
