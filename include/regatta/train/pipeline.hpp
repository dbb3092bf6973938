#pragma once

#include <cstddef>
#include <vector>

#include "regatta/comm/communicator.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

/// Consecutive layers of a network, and what the whole of it has.
struct Stage {
  std::vector<LayerSpec> layers;
  Shape input;              ///< of a sample where it enters them
  std::size_t first = 0;    ///< place of the first of them in the network
  ParameterCounts before;   ///< of all layers before them
  ParameterCounts whole;    ///< of the network
  std::size_t outputs = 0;  ///< numbers of a sample that leave the network
};

/// The layers of this rank of a pipeline: one at least, and so that the stage with most operations has as few
/// as can be.
/// @param stages  null: the whole network
/// @throws InvalidInput  fewer layers than ranks, layers that do not fit each other
Stage stage_of(const NetworkSpec& spec, const comm::Communicator* stages);

/// What passes between the ranks of a pipeline: outputs go to the next one, their slopes come back. The first
/// rank has no inputs to receive and no slopes to send, the last one the opposite; there these do nothing.
class Pipeline {
 public:
  /// @param stages  null: this rank is first and last
  Pipeline(device::Backend& backend, comm::Communicator* stages) : backend_(backend), stages_(stages) {}

  bool first() const { return !stages_ || stages_->rank().value == 0; }
  bool last() const { return !stages_ || stages_->rank().value + 1 == stages_->size(); }

  // All wait for the other rank. Blocks are on the backend.
  void receive_inputs(device::MatrixView<float> x);
  void send_outputs(device::MatrixView<const float> y);
  void receive_slopes(device::MatrixView<float> y);     ///< dL/dy
  void send_slopes(device::MatrixView<const float> x);  ///< dL/dx

  double wait_seconds() const { return wait_seconds_; }  ///< spent in these so far [s]

 private:
  void send(int step, device::MatrixView<const float> values);
  void receive(int step, device::MatrixView<float> values);
  Rank neighbour(int step) const { return Rank{stages_->rank().value + step}; }

  device::Backend& backend_;
  comm::Communicator* stages_;
  std::vector<float> staging_;  ///< where the backend's memory is not the host's
  double wait_seconds_ = 0;
};

}  // namespace regatta::train
