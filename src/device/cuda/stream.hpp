#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>

#include "check.hpp"
#include "regatta/device/backend.hpp"

namespace regatta::device::cuda {

class Recording;

/// A call that puts work on a stream, as bytes that can be compared with those of another call, kept, and made again.
struct Call {
  const void* operation;
  std::size_t size;       ///< [bytes]
  std::size_t same_size;  ///< so many of them agree in calls that differ in nothing but arguments that patch() can change
  void (*make)(const void* operation, cudaStream_t stream);  ///< @throws SystemFailure
  /// Gives the node of a graph these arguments; null: it cannot. @throws SystemFailure
  void (*patch)(const void* operation, cudaGraphExec_t graph, cudaGraphNode_t node);
};

template <class Operation>
void make_operation(const void* operation, cudaStream_t stream) {
  check(static_cast<const Operation*>(operation)->make(stream));
}

template <class Operation>
void patch_operation(const void* operation, cudaGraphExec_t graph, cudaGraphNode_t node) {
  check(static_cast<const Operation*>(operation)->patch(graph, node));
}

template <class Operation>
Call call_of(const Operation& operation) {
  static_assert(std::has_unique_object_representations_v<Operation>, "bytes of chance would differ");
  Call call{&operation, sizeof(Operation), sizeof(Operation), make_operation<Operation>, nullptr};
  if constexpr (requires { Operation::same_size; }) {
    call.same_size = Operation::same_size;
    call.patch = patch_operation<Operation>;
  }
  return call;
}

/// A queue of work that does not wait for the legacy default stream.
///
/// Work that is repeated is recorded in a graph of CUDA and then started as a whole. For this, everything that puts work on the
/// stream goes through run(), and what no graph can hold is preceded by settle().
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }

  /// Makes a call now, or leaves it to the recording that is in progress.
  /// @param operation  plain bytes with `make(stream)`, which returns a status; kernels also have `patch(graph, node)` and
  ///                   `same_size`
  /// @return what make() says; its success when a recording has taken the call
  template <class Operation>
  auto run(const Operation& operation) -> decltype(operation.make(cudaStream_t{})) {
    if (recording_ && taken(call_of(operation))) return {};
    return operation.make(stream_);
  }

  /// As Backend::repeat.
  void repeat(std::unique_ptr<Repetition>& repetition, const std::function<void()>& work);

  /// Starts what a recording in progress has taken and ends it: before waiting for the stream, copies from and to the host, and
  /// changes of memory.
  void settle();

 private:
  friend class Recording;

  bool taken(const Call& call);

  cudaStream_t stream_ = nullptr;
  Recording* recording_ = nullptr;  ///< in progress
};

/// The bytes become 0.
void clear(void* block, std::size_t bytes, Stream& stream);

}  // namespace regatta::device::cuda
