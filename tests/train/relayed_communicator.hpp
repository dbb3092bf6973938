#pragma once

#include <memory>
#include <string>
#include <vector>

#include "regatta/comm/communicator.hpp"

namespace regatta::train {

/// A rank of another group, for tests to change what they want to.
class RelayedCommunicator : public comm::Communicator {
 public:
  /// @param group  lives longer
  explicit RelayedCommunicator(comm::Communicator& group) : group_(group) {}

  Rank rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }
  void post(Rank to, int tag, std::span<const std::byte> payload) override { group_.post(to, tag, payload); }
  std::optional<comm::Envelope> poll() override { return group_.poll(); }
  bool drained() override { return group_.drained(); }
  std::unique_ptr<comm::Pending> begin_sum(std::span<float> values) override {
    return group_.begin_sum(values);
  }
  void send(Rank to, std::span<const float> values) override { group_.send(to, values); }
  void receive(Rank from, std::span<float> values) override { group_.receive(from, values); }
  std::string node() const override { return group_.node(); }
  comm::Communicator& group_of(const std::vector<Rank>& ranks) override { return group_.group_of(ranks); }

 protected:
  comm::Communicator& group_;
};

}  // namespace regatta::train
