#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "stream.hpp"

namespace regatta::device::cuda {

/// Repeated work as a graph of CUDA.
///
/// The first time its calls are made one by one, so that memory grows and libraries load. The second time they are captured in a
/// graph and kept, and the graph is started. From then on calls are only compared with those that were kept: nodes of kernels
/// whose arguments have changed are patched, and the graph is started once. Where a call does not fit, those before it are made
/// from what was kept, it and all others one by one, and the next time counts as the second. Work that cannot be captured is
/// made one by one for ever.
class Recording final : public Repetition {
 public:
  ~Recording() override { drop_graph(); }

  /// @throws SystemFailure, and what work() throws
  void repeat(Stream& stream, const std::function<void()>& work);

  // For Stream, while work() runs:
  /// @return false: the stream shall make the call
  bool take(const Call& call);
  /// Makes what was taken, and takes no more. To capture has failed then.
  void settle();

 private:
  enum class State { New, Known, Captured, Never };

  /// A call that outlives its maker.
  struct Kept {
    Call call;  ///< of the bytes below
    std::vector<std::byte> bytes;
    cudaGraphNode_t node = nullptr;  ///< where it can be patched
  };

  void begin(Stream& stream);
  bool capture(const Call& call);
  bool compare(const Call& call);
  bool patched(Kept& kept, const Call& call);
  void finish();
  bool instantiate();
  void fall_back(State next);
  void leave(State next) noexcept;
  void drop_graph() noexcept;

  State state_ = State::New;
  Stream* stream_ = nullptr;  ///< while its calls are taken
  bool capturing_ = false;
  std::vector<Kept> calls_;
  std::size_t taken_ = 0;  ///< so many of the calls
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace regatta::device::cuda
