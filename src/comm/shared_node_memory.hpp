#pragma once

#include <mpi.h>

#include <deque>
#include <vector>

#include "regatta/comm/node_memory.hpp"

namespace regatta::comm {

bool fits_shared_memory(std::size_t bytes);

/// NodeMemory in MPI shared-memory windows. Where the node's shared memory is too small for a block, every rank keeps a
/// copy of its own, which publish() fills by a broadcast.
class SharedNodeMemory final : public NodeMemory {
 public:
  /// Whether the node's shared memory has room for that many bytes more.
  using Fits = bool (*)(std::size_t bytes);

  /// Collective over `world`.
  explicit SharedNodeMemory(MPI_Comm world, Fits fits = fits_shared_memory);
  SharedNodeMemory(const SharedNodeMemory&) = delete;
  SharedNodeMemory& operator=(const SharedNodeMemory&) = delete;
  ~SharedNodeMemory() override;  ///< collective over the node

  bool leader() const override { return rank_ == 0; }
  std::span<std::byte> allocate(std::size_t bytes) override;
  void publish() override;

 private:
  std::span<std::byte> shared_block(std::size_t bytes);

  MPI_Comm node_ = MPI_COMM_NULL;
  int rank_ = 0;
  Fits fits_;
  std::vector<MPI_Win> windows_;
  PrivateMemory copies_;
  std::vector<std::span<std::byte>> unpublished_;  ///< copies that publish() still has to fill
};

}  // namespace regatta::comm
