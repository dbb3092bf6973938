#include <nccl.h>

#include <type_traits>

#include "nccl.hpp"

// What nccl.hpp declares for itself is what NCCL declares.
namespace regatta::device::cuda {

static_assert(sizeof(NcclId) == sizeof(ncclUniqueId) &&
              static_cast<int>(NcclStatus::Success) == ncclSuccess &&
              sizeof(NcclStatus) == sizeof(ncclResult_t) && nccl_float == ncclFloat && nccl_add == ncclSum &&
              sizeof(int) == sizeof(ncclDataType_t) && sizeof(int) == sizeof(ncclRedOp_t));
static_assert(std::is_same_v<decltype(ncclGetUniqueId), ncclResult_t(ncclUniqueId*)>);
static_assert(std::is_same_v<decltype(ncclCommInitRank), ncclResult_t(ncclComm_t*, int, ncclUniqueId, int)>);
static_assert(std::is_same_v<decltype(ncclCommAbort), ncclResult_t(ncclComm_t)>);
static_assert(std::is_same_v<decltype(ncclAllReduce), ncclResult_t(const void*, void*, size_t, ncclDataType_t,
                                                                   ncclRedOp_t, ncclComm_t, cudaStream_t)>);
static_assert(std::is_same_v<decltype(ncclReduceScatter), ncclResult_t(const void*, void*, size_t, ncclDataType_t,
                                                                       ncclRedOp_t, ncclComm_t, cudaStream_t)>);
static_assert(std::is_same_v<decltype(ncclAllGather), ncclResult_t(const void*, void*, size_t, ncclDataType_t, ncclComm_t,
                                                                   cudaStream_t)>);
static_assert(std::is_same_v<decltype(ncclGetErrorString), const char*(ncclResult_t)>);

}  // namespace regatta::device::cuda
