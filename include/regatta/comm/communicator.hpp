#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "regatta/core/id.hpp"

namespace regatta::comm {

/// One message that has fully arrived.
struct Envelope {
  Rank source;
  int tag = 0;
  std::vector<std::byte> payload;
};

/// An operation in flight on memory of the caller, who must not touch that memory before it is done.
class Pending {
 public:
  virtual ~Pending() = default;  ///< waits
  /// Makes progress; true once finished. Never blocks.
  virtual bool test() = 0;
  virtual void wait() = 0;
};

/// Exchange of bytes within a fixed group of ranks.
///
/// The rest of Regatta sees MPI only through this class, so every protocol can be tested in one process on a LocalGroup.
/// Not thread-safe.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual Rank rank() const = 0;
  virtual int size() const = 0;

  /// Starts to send a copy of `payload`. Never blocks; at most one send per peer is in flight, later ones are packed
  /// together when it has left.
  /// @param tag  0 or more
  virtual void post(Rank to, int tag, std::span<const std::byte> payload) = 0;

  /// Takes the next message that has arrived, if any. Never blocks; also moves waiting sends along.
  /// Messages of one sender come in the order in which they were posted.
  [[nodiscard]] virtual std::optional<Envelope> poll() = 0;

  /// Whether every posted message has left this process.
  virtual bool drained() = 0;

  /// Starts to replace `values` by their sum over all ranks. Collective: all ranks start their sums in the same order.
  [[nodiscard]] virtual std::unique_ptr<Pending> begin_sum(std::span<float> values) = 0;

  /// Whether sum() also takes numbers in the memory of a GPU.
  virtual bool reads_devices() const { return false; }
  /// As begin_sum(), but returns when the sum is there.
  virtual void sum(std::span<float> values) { begin_sum(values)->wait(); }

  /// Sends numbers, without a copy, to a rank that takes as many with receive(). May wait until that rank does; moves no
  /// messages meanwhile.
  virtual void send(Rank to, std::span<const float> values) = 0;
  /// Waits for the next numbers that rank `from` has sent.
  virtual void receive(Rank from, std::span<float> values) = 0;

  /// The computer that this rank runs on, by a name that no other one of the group has.
  virtual std::string node() const;
  /// These ranks, this one among them, as a group of their own, which lives as long as this one. Collective over them when
  /// they are first asked for.
  /// @throws SystemFailure  this group has none
  virtual Communicator& group_of(const std::vector<Rank>& ranks);
};

}  // namespace regatta::comm
