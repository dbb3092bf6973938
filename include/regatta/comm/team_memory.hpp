#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "regatta/comm/communicator.hpp"

namespace regatta::comm {

/// One block of numbers per rank of a team, which all of its ranks that share a node can read and write.
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

  /// Collective over the team, whose ranks have made blocks of the same size: true on all ranks or on none. Afterwards all is
  /// about the ranks of this node, which are counted in the order of the team.
  /// False: the system does not let the ranks of a node share.
  bool connect(Communicator& team);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(blocks_.size()); }  ///< 0: not connected
  /// Ranks of the team by node, the nodes in the order of their first ranks.
  const std::vector<std::vector<Rank>>& nodes() const { return nodes_; }

  /// Once connected: tells the others that this rank has come so far, and shows what it wrote before.
  /// @return how often it has told them
  std::uint64_t arrive();
  /// Whether all have told so often; then what they wrote before is seen. Each tells the same number of times.
  bool all_arrived(std::uint64_t times) const;
  void wait_for(std::uint64_t times) const;
  void wait_for_all() { wait_for(arrive()); }
  /// The sum of a number of each rank, in their order; meets as wait_for_all() does.
  float sum_of(float own);

  /// The part of some numbers that one of several is to work on, at borders of cache lines; the parts cover them once.
  struct Slice {
    std::size_t first, end;
  };
  static Slice slice_of(int part, int parts, Slice whole);

  /// Adds numbers [first, end) of all blocks, in the order of the ranks, into this rank's block.
  void sum(std::size_t first, std::size_t end);
  /// Copies numbers [first, end) of this rank's block into all others.
  void give(std::size_t first, std::size_t end);
  /// Copies numbers [first, end) of another rank's block into this one's.
  void take(int rank, std::size_t first, std::size_t end);

 private:
  struct Header;
  Header* attach(std::span<const float> address) const;

  Header* own_ = nullptr;
  std::span<float> block_;
  int file_ = -1;  ///< until connected
  int rank_ = 0;
  std::vector<std::vector<Rank>> nodes_;
  std::vector<Header*> headers_;  ///< by rank of the node; null: not reached
  std::vector<std::span<float>> blocks_;
  std::uint64_t arrivals_ = 0, sums_ = 0;  ///< of this rank
};

}  // namespace regatta::comm
