#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "regatta/comm/communicator.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/team_sums.hpp"

namespace regatta::train {

/// Sums the gradients of a team while the backward pass still runs.
///
/// Gradients become final from the end of the weights towards their start, and the biases last ([weights |
/// biases]). Whenever a bucket of them has come together its sum starts; few sums are in flight, because each
/// one costs the progress of the others, and they are moved along at each layer. A small network travels as
/// one bucket, biases included. Where the numbers of a backend need not pass through the memory of its host, all of them are
/// summed at once, at the end.
class GradientReducer {
 public:
  /// @param team    null or of one rank: there is nothing to do
  /// @param bucket  least size of one sum [numbers]
  GradientReducer(device::Backend& backend, comm::Communicator* team, std::size_t weights,
                  std::size_t parameters, std::size_t bucket = 128 * 1024);

  /// Sums go this way from now on, at first by way of the host; between two steps.
  /// @param way  lives longer
  void take(const TeamSums::Way& way);

  /// The gradients of all weights from number `first` on are final; with first = 0 those of the biases, too.
  void ready(float* gradients, std::size_t first);
  /// Moves sums along, also in the middle of a layer.
  void progress();
  /// Waits until all sums of this step have arrived.
  void finish(float* gradients);

  /// Time spent waiting in finish() and for earlier buckets so far [s].
  double wait_seconds() const { return wait_seconds_; }
  SumPath path() const { return way_ ? way_->path : SumPath::Staged; }

 private:
  struct Sum {
    std::size_t first = 0;
    std::span<float> values;
    std::unique_ptr<comm::Pending> pending;
  };

  void start(float* gradients, std::size_t first, std::size_t end);
  void take_oldest(float* gradients);

  device::Backend& backend_;
  comm::Communicator* team_;
  std::size_t weights_, parameters_, bucket_;
  std::size_t unsent_;          ///< weights from here on have been handed to a sum
  std::optional<device::HostBlock> staging_;  ///< where the backend's memory is not the host's
  const TeamSums::Way* way_ = nullptr;        ///< null: through the memory of the host
  std::deque<Sum> in_flight_;
  double wait_seconds_ = 0;
};

}  // namespace regatta::train
