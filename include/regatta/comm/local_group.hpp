#pragma once

#include <memory>
#include <string>
#include <vector>

#include "regatta/comm/communicator.hpp"

namespace regatta::comm {

/// A group of ranks within one process: the link to a worker thread, and the stand-in for MPI in tests. Each rank may be
/// used by a thread of its own.
class LocalGroup {
 public:
  /// @param nodes  where the ranks are to believe that they run; empty: on this computer
  explicit LocalGroup(int size, std::vector<std::string> nodes = {});
  ~LocalGroup();

  /// The communicator of one rank; lives as long as the group.
  Communicator& at(Rank rank);

 private:
  struct Shared;
  class Member;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Member>> members_;
};

/// One rank's view of a group and of one more peer on a link: messages to and from rank `group.size()` travel over the link,
/// whose other end is rank 1 there. Sums and numbers are those of the group.
class JoinedCommunicator final : public Communicator {
 public:
  JoinedCommunicator(Communicator& group, Communicator& link) : group_(group), link_(link) {}

  Rank rank() const override { return group_.rank(); }
  int size() const override { return group_.size() + 1; }
  void post(Rank to, int tag, std::span<const std::byte> payload) override;
  std::optional<Envelope> poll() override;
  bool drained() override { return group_.drained() && link_.drained(); }
  std::unique_ptr<Pending> begin_sum(std::span<float> values) override { return group_.begin_sum(values); }
  void send(Rank to, std::span<const float> values) override { group_.send(to, values); }
  void receive(Rank from, std::span<float> values) override { group_.receive(from, values); }

 private:
  Communicator& group_;
  Communicator& link_;
};

}  // namespace regatta::comm
