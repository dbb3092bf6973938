#include "nccl.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "handles.hpp"
#include "regatta/core/error.hpp"

namespace regatta::device::cuda {
namespace {

template <class Function>
void find(void* library, const char* name, const std::string& file, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function) throw Unavailable(concat(file, " is not NCCL: it has no ", name));
}

struct AllReduce {
  NcclComm comm;
  float* numbers;
  std::size_t count;

  NcclStatus make(cudaStream_t stream) const {
    return nccl().all_reduce(numbers, numbers, count, nccl_float, nccl_add, comm, stream);
  }
};

/// In place: a rank's part of the result is where its part of the operand was.
struct ReduceScatter {
  NcclComm comm;
  float *numbers, *own;
  std::size_t slice;

  NcclStatus make(cudaStream_t stream) const {
    return nccl().reduce_scatter(numbers, own, slice, nccl_float, nccl_add, comm, stream);
  }
};

struct AllGather {
  NcclComm comm;
  float *numbers, *own;
  std::size_t slice;

  NcclStatus make(cudaStream_t stream) const {
    return nccl().all_gather(own, numbers, slice, nccl_float, comm, stream);
  }
};

class NcclTeam final : public DeviceTeam {
 public:
  NcclTeam(int ordinal, NcclComm comm, int rank, Stream& stream)
      : device_(ordinal), comm_(comm), rank_(static_cast<std::size_t>(rank)), stream_(stream) {}
  NcclTeam(const NcclTeam&) = delete;
  NcclTeam& operator=(const NcclTeam&) = delete;
  /// ncclCommDestroy() would wait for the other ranks, whose team may live longer than this one.
  ~NcclTeam() override { nccl().comm_abort(comm_); }

  void sum(float* numbers, std::size_t count) override {
    device_.use();
    check(stream_.run(AllReduce{comm_, numbers, count}));
  }
  void sum_slices(float* numbers, std::size_t slice) override {
    device_.use();
    check(stream_.run(ReduceScatter{comm_, numbers, numbers + rank_ * slice, slice}));
  }
  void share_slices(float* numbers, std::size_t slice) override {
    device_.use();
    check(stream_.run(AllGather{comm_, numbers, numbers + rank_ * slice, slice}));
  }

 private:
  Device device_;
  NcclComm comm_;
  std::size_t rank_;
  Stream& stream_;
};

}  // namespace

Nccl load_nccl(const std::string& file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw Unavailable(concat("NCCL cannot be loaded: ", dlerror()));
  Nccl functions{};
  find(library, "ncclGetUniqueId", file, functions.get_unique_id);
  find(library, "ncclCommInitRank", file, functions.comm_init_rank);
  find(library, "ncclCommAbort", file, functions.comm_abort);
  find(library, "ncclAllReduce", file, functions.all_reduce);
  find(library, "ncclReduceScatter", file, functions.reduce_scatter);
  find(library, "ncclAllGather", file, functions.all_gather);
  find(library, "ncclGetErrorString", file, functions.get_error_string);
  return functions;
}

const Nccl& nccl() {
  static const Nccl loaded = [] {
    // With it NCCL would let ranks wait for each other to capture a sum, which each of them does when its own
    // steps repeat.
    setenv("NCCL_GRAPH_REGISTER", "0", 0);
    const char* named = std::getenv("REGATTA_NCCL");
    return load_nccl(named ? named : "libnccl.so.2");
  }();
  return loaded;
}

void check(NcclStatus status, std::source_location where) {
  if (status == NcclStatus::Success) return;
  throw SystemFailure(concat("NCCL failed at line ", where.line(), " of ", where.function_name(),
                             " with error ", static_cast<int>(status), ": ",
                             nccl().get_error_string(status)));
}

std::string NcclTeams::uuid() const {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, ordinal_));
  return uuid_text(properties.uuid);
}

std::string NcclTeams::absence() const {
  try {
    nccl();
    return "";
  } catch (const Unavailable& error) {
    return error.what();
  }
}

DeviceTeams::Meeting NcclTeams::make_meeting() {
  NcclId id{};
  check(nccl().get_unique_id(&id));
  return id.bytes;
}

std::unique_ptr<DeviceTeam> NcclTeams::join(const Meeting& meeting, int rank, int size) {
  const Device device(ordinal_);
  NcclComm comm = nullptr;
  check(nccl().comm_init_rank(&comm, size, {meeting}, rank));
  return std::make_unique<NcclTeam>(ordinal_, comm, rank, stream_);
}

}  // namespace regatta::device::cuda
