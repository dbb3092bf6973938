#pragma once

#include <cstddef>
#include <span>

#include "regatta/comm/team_memory.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/train/network.hpp"

namespace regatta::train {

/// Optimizer steps of a team whose ranks share a node and compute on the host: each rank adds up the gradients of one slice of
/// the parameters, updates that slice and gives it to the others. Each number crosses once each way and is
/// updated once, where a sum of all gradients would leave every rank to update all of them.
class SharedUpdate {
 public:
  /// @param team   null: this rank is alone
  /// @param parameters  of the network
  SharedUpdate(const device::Backend& backend, comm::Communicator* team, std::size_t parameters);

  /// Where the network is to keep its numbers; empty: anywhere.
  std::span<float> arena() const { return memory_.block(); }

  /// Whether steps are shared. Collective at its first call.
  bool active();
  bool connected() const { return connected_; }  ///< what active() has found
  /// In place of Network::update, after the gradients of this rank's share of the batch are there.
  void step(Network& network, const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);
  /// Takes over what the others have of the optimizer's state: until then each rank has its slice. Between two
  /// steps that no rank of the team may pass, as at the end of an epoch.
  void complete();

  double wait_seconds() const { return wait_seconds_; }  ///< for the others

 private:
  void wait();
  float sum_of(float own);

  comm::Communicator* team_;  ///< null: nothing to share
  std::size_t parameters_;
  ArenaLayout layout_;
  comm::TeamMemory memory_;
  bool connected_ = false, tried_ = false;
  double wait_seconds_ = 0;
};

}  // namespace regatta::train
