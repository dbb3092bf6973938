#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <source_location>
#include <string>

#include "regatta/device/device_team.hpp"
#include "stream.hpp"

// NCCL, loaded at run time by processes that sum over GPUs: it is large, and not everywhere.
namespace regatta::device::cuda {

// As nccl.h of NCCL 2 declares them; nccl_header.cpp compares where it is found.
enum class NcclStatus : int { Success = 0 };
struct NcclId {
  DeviceTeams::Meeting bytes;
};
using NcclComm = struct ncclComm*;
constexpr int nccl_float = 7, nccl_add = 0;

/// The functions of a library.
struct Nccl {
  NcclStatus (*get_unique_id)(NcclId* id);
  NcclStatus (*comm_init_rank)(NcclComm* comm, int ranks, NcclId id, int rank);
  NcclStatus (*comm_abort)(NcclComm comm);
  NcclStatus (*all_reduce)(const void* from, void* to, std::size_t count, int type, int operation,
                           NcclComm comm, cudaStream_t stream);
  NcclStatus (*reduce_scatter)(const void* from, void* to, std::size_t slice, int type, int operation,
                               NcclComm comm, cudaStream_t stream);
  NcclStatus (*all_gather)(const void* from, void* to, std::size_t slice, int type, NcclComm comm,
                           cudaStream_t stream);
  const char* (*get_error_string)(NcclStatus status);
};

/// Never unloaded.
/// @param file  name or path, as dlopen() takes it
/// @throws Unavailable  it cannot be loaded or lacks a function
Nccl load_nccl(const std::string& file);

/// That of this process, loaded at the first call: libnccl.so.2, or what the environment variable
/// REGATTA_NCCL names.
/// @throws Unavailable
const Nccl& nccl();

/// @throws SystemFailure  with NCCL's own words, unless `status` is success
void check(NcclStatus status, std::source_location where = std::source_location::current());

/// Teams of a device whose work is on one stream; both live longer.
class NcclTeams final : public DeviceTeams {
 public:
  NcclTeams(int ordinal, Stream& stream) : ordinal_(ordinal), stream_(stream) {}

  std::string uuid() const override;
  std::string absence() const override;
  Meeting make_meeting() override;
  std::unique_ptr<DeviceTeam> join(const Meeting& meeting, int rank, int size) override;

 private:
  int ordinal_;
  Stream& stream_;
};

}  // namespace regatta::device::cuda
