#include "shared_node_memory.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <cstring>

#include "regatta/comm/mpi_communicator.hpp"

namespace regatta::comm {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t broadcast_bytes = std::size_t{1} << 28;  ///< per call, far below MPI's int counts

}  // namespace

/// Touching a page of shared memory that the file system cannot hold is a fatal signal, so the space is asked for before.
bool fits_shared_memory(std::size_t bytes) {
  struct statvfs info {};
  if (statvfs("/dev/shm", &info) != 0) return false;
  const auto free_bytes = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
  return static_cast<double>(bytes) * 1.1 < free_bytes;
}

SharedNodeMemory::SharedNodeMemory(MPI_Comm world, Fits fits) : fits_(fits) {
  check_mpi(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node_), "find the ranks of this node");
  check_mpi(MPI_Comm_rank(node_, &rank_), "tell the rank");
}

SharedNodeMemory::~SharedNodeMemory() {
  for (MPI_Win& window : windows_) MPI_Win_free(&window);
  MPI_Comm_free(&node_);
}

std::span<std::byte> SharedNodeMemory::allocate(std::size_t bytes) {
  unsigned long long request[2] = {bytes, leader() && fits_(bytes) ? 1ull : 0ull};
  check_mpi(MPI_Bcast(request, 2, MPI_UNSIGNED_LONG_LONG, 0, node_), "agree on a block");
  if (request[1]) return shared_block(request[0]);
  const std::span<std::byte> copy = copies_.allocate(request[0]);
  unpublished_.push_back(copy);
  return copy;
}

std::span<std::byte> SharedNodeMemory::shared_block(std::size_t bytes) {
  const auto mine = static_cast<MPI_Aint>(leader() ? bytes + alignment : 0);
  void* base = nullptr;
  MPI_Win window = MPI_WIN_NULL;
  check_mpi(MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, node_, &base, &window), "allocate shared memory");
  windows_.push_back(window);
  MPI_Aint size = 0;
  int unit = 0;
  check_mpi(MPI_Win_shared_query(window, 0, &size, &unit, &base), "find shared memory");

  // All ranks use the leader's offset: the same block may be mapped at differently aligned addresses.
  auto offset = static_cast<unsigned long long>(-reinterpret_cast<std::uintptr_t>(base) % alignment);
  check_mpi(MPI_Bcast(&offset, 1, MPI_UNSIGNED_LONG_LONG, 0, node_), "agree on a block");
  auto* data = static_cast<std::byte*>(base) + offset;
  if (leader()) std::memset(data, 0, bytes);
  return {data, bytes};
}

void SharedNodeMemory::publish() {
  for (const std::span<std::byte> copy : unpublished_)
    for (std::size_t at = 0; at < copy.size(); at += broadcast_bytes)
      check_mpi(MPI_Bcast(copy.data() + at, static_cast<int>(std::min(broadcast_bytes, copy.size() - at)), MPI_BYTE, 0,
                          node_),
                "copy a block");
  unpublished_.clear();
  for (const MPI_Win window : windows_) check_mpi(MPI_Win_fence(0, window), "publish shared memory");
  check_mpi(MPI_Barrier(node_), "wait for the node");
}

}  // namespace regatta::comm
