#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "regatta/comm/team_memory.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/train/network.hpp"

namespace regatta::train {

/// Optimizer steps of a team that computes on the host, shared among the ranks of each node: a rank adds up the gradients of
/// one slice of the parameters, updates that slice and gives it to the others of its node. Each number crosses once each
/// way and is updated once, where a sum of all gradients would leave every rank to update all of them.
///
/// Between nodes a slice is summed with the ranks that have it there, by messages, bucket by bucket: a bucket leaves as soon as
/// all ranks of the node have its gradients, while they go on with their way back, and few are on their way at once.
class SharedUpdate {
 public:
  /// @param team    null: this rank is alone
  /// @param parameters  of the network
  /// @param bucket  numbers of a message, or up to twice as many
  SharedUpdate(const device::Backend& backend, comm::Communicator* team, std::size_t parameters, std::size_t bucket);

  /// Where the network is to keep its numbers; empty: anywhere.
  std::span<float> arena() const { return memory_.block(); }

  /// Whether steps are shared. Collective at its first call.
  bool active(const Network& network);
  /// What active() has found: ranks that share a node add up gradients in its memory, nodes by messages between them.
  bool in_memory() const { return connected_ && memory_.nodes().size() < static_cast<std::size_t>(team_->size()); }
  bool between_nodes() const { return connected_ && memory_.nodes().size() > 1; }

  /// The gradients of all weights from number `first` on are final; with first = 0 those of the biases, too.
  void ready(std::size_t first);
  /// Begins sums that can begin, and moves others along, also in the middle of a layer.
  void progress();
  /// In place of Network::update, after all gradients of this rank's share of the batch are final.
  void step(Network& network, const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);
  /// Takes over what the others have of the optimizer's state: until then each rank has its slice. Between two
  /// steps that no rank of the team may pass, as at the end of an epoch.
  void complete();

  double wait_seconds() const { return wait_seconds_; }  ///< for the others

 private:
  /// What this rank adds up of a bucket.
  struct Piece {
    std::size_t bucket;
    Share numbers;
  };

  void divide(const Network& network);
  Share slice_of(int rank, Share bucket) const;
  void wait_for_sum(std::size_t piece);
  void take_squared_norm(Network& network);

  comm::Communicator* team_;  ///< null: nothing to share
  std::size_t bucket_;
  ArenaLayout layout_;
  comm::TeamMemory memory_;
  bool connected_ = false, tried_ = false;
  int slices_ = 1;                        ///< of each bucket, the first ranks of a node have one each
  comm::Communicator* across_ = nullptr;  ///< the ranks that have this rank's slice; null: no other node, or no slice
  std::vector<Share> buckets_;            ///< in the order in which they become final
  std::vector<Piece> pieces_;
  std::uint64_t arrivals_ = 0;          ///< at the end of the last step; one more for each bucket since
  std::size_t final_ = 0;               ///< buckets of this step
  std::size_t begun_ = 0, summed_ = 0;  ///< pieces of this step, between nodes
  std::deque<std::unique_ptr<comm::Pending>> in_flight_;
  double wait_seconds_ = 0;
};

/// The parameters [weights | biases] in ranges of `size` to twice as many numbers, in the order in which their gradients become
/// final: weights from their end, cut where a layer begins and within large layers, then the biases; all as one where they
/// are few.
/// @param layers  the first weight of each layer
std::vector<Share> buckets_of(std::span<const std::size_t> layers, std::size_t weights, std::size_t parameters,
                              std::size_t size);

}  // namespace regatta::train
