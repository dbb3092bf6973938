#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "regatta/comm/communicator.hpp"

namespace regatta::comm {

/// One block of numbers per rank of a team, which all of its ranks can read and write where they share a node.
///
/// A rank makes its block alone, so that one that fails leaves nobody waiting; connect() brings the blocks together.
/// They are anonymous files that the others open through /proc, so nothing is left behind when a process dies.
class TeamMemory {
 public:
  /// No memory of its own, and no others.
  TeamMemory() = default;
  /// A block of `count` zeros, 64-byte aligned, or an empty one where the system gives none.
  explicit TeamMemory(std::size_t count);
  TeamMemory(TeamMemory&& other) noexcept;
  TeamMemory& operator=(TeamMemory&& other) noexcept;
  ~TeamMemory();

  std::span<float> block() const { return block_; }

  /// Collective over the team, whose ranks have made blocks of the same size: true on all ranks or on none.
  /// False: they are on different nodes, or the system does not let them share.
  bool connect(Communicator& team);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(blocks_.size()); }  ///< 0: not connected

  /// Collective once connected: returns after all ranks have called it, and shows what they wrote before.
  void wait_for_all();
  /// The sum of a number of each rank, in their order; meets as wait_for_all() does.
  float sum_of(float own);

  /// The part of `count` numbers that a rank is to work on; the parts of all ranks cover them once.
  struct Slice {
    std::size_t first, end;
  };
  Slice slice_of(int rank, std::size_t count) const;

  /// Adds numbers [first, end) of all blocks, in the order of the ranks, into this rank's block.
  void sum(std::size_t first, std::size_t end);
  /// Copies numbers [first, end) of this rank's block into all others.
  void give(std::size_t first, std::size_t end);
  /// Copies numbers [first, end) of another rank's block into this one's.
  void take(int rank, std::size_t first, std::size_t end);

 private:
  struct Header;
  void attach(int rank, std::span<const float> address);

  Header* own_ = nullptr;
  std::span<float> block_;
  int file_ = -1;  ///< until connected
  int rank_ = 0;
  std::vector<Header*> headers_;  ///< by rank; null: not reached
  std::vector<std::span<float>> blocks_;
  std::uint64_t meetings_ = 0;
};

}  // namespace regatta::comm
