#include "recording.hpp"

#include <cstring>
#include <utility>

#include "check.hpp"
#include "regatta/core/error.hpp"

namespace regatta::device::cuda {
namespace {

/// The last node that was captured. CUDA 13 also asks where to put data of edges.
template <class Handle>
cudaGraphNode_t last_node(Handle stream) {
  cudaStreamCaptureStatus status{};
  const cudaGraphNode_t* nodes = nullptr;
  std::size_t count = 0;
  if constexpr (requires { cudaStreamGetCaptureInfo(stream, &status, nullptr, nullptr, &nodes, nullptr, &count); })
    check(cudaStreamGetCaptureInfo(stream, &status, nullptr, nullptr, &nodes, nullptr, &count));
  else
    check(cudaStreamGetCaptureInfo_v2(stream, &status, nullptr, nullptr, &nodes, &count));
  return count == 1 ? nodes[0] : nullptr;
}

/// Whether CUDA has done it. An error is forgotten, or the next launch would find it.
bool done(cudaError_t status) {
  if (status != cudaSuccess) cudaGetLastError();
  return status == cudaSuccess;
}

struct Clear {
  void* block;
  std::size_t bytes;

  cudaError_t make(cudaStream_t stream) const { return cudaMemsetAsync(block, 0, bytes, stream); }
};

}  // namespace

Stream::Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
Stream::~Stream() { cudaStreamDestroy(stream_); }

bool Stream::taken(const Call& call) { return recording_->take(call); }

void Stream::settle() {
  if (recording_) recording_->settle();
}

void Stream::repeat(std::unique_ptr<Repetition>& repetition, const std::function<void()>& work) {
  if (recording_) return work();  // it is a part of what is being recorded
  if (!repetition) repetition = std::make_unique<Recording>();
  static_cast<Recording&>(*repetition).repeat(*this, work);
}

void clear(void* block, std::size_t bytes, Stream& stream) { check(stream.run(Clear{block, bytes})); }

void Recording::repeat(Stream& stream, const std::function<void()>& work) {
  if (state_ == State::Never) return work();
  if (state_ == State::New) {
    work();
    state_ = State::Known;
    return;
  }
  begin(stream);
  try {
    work();
  } catch (...) {
    if (stream_) leave(State::Known);
    throw;
  }
  if (stream_) finish();
}

void Recording::begin(Stream& stream) {
  if (state_ == State::Known) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    capturing_ = true;
    calls_.clear();
  }
  taken_ = 0;
  stream_ = &stream;
  stream.recording_ = this;
}

bool Recording::take(const Call& call) { return capturing_ ? capture(call) : compare(call); }

bool Recording::capture(const Call& call) {
  const auto* bytes = static_cast<const std::byte*>(call.operation);
  Kept& kept = calls_.emplace_back(Kept{call, {bytes, bytes + call.size}});
  kept.call.operation = kept.bytes.data();
  ++taken_;
  try {
    call.make(call.operation, *stream_);
    if (call.patch) kept.node = last_node<cudaStream_t>(*stream_);
  } catch (const SystemFailure&) {
    fall_back(State::Never);
  }
  return true;
}

bool Recording::compare(const Call& call) {
  const auto agree = [&](const Kept& kept, std::size_t bytes) {
    return std::memcmp(kept.bytes.data(), call.operation, bytes) == 0;
  };
  const bool fits = taken_ < calls_.size() && calls_[taken_].call.make == call.make &&
                    calls_[taken_].call.size == call.size && agree(calls_[taken_], call.same_size);
  if (!fits || !(agree(calls_[taken_], call.size) || patched(calls_[taken_], call))) {
    fall_back(State::Known);
    return false;
  }
  ++taken_;
  return true;
}

bool Recording::patched(Kept& kept, const Call& call) {
  if (!kept.node) return false;
  call.patch(call.operation, executable_, kept.node);
  std::memcpy(kept.bytes.data(), call.operation, call.size);
  return true;
}

void Recording::settle() { fall_back(capturing_ ? State::Never : State::Known); }

void Recording::finish() {
  if (taken_ < calls_.size()) return fall_back(State::Known);
  if (capturing_ && !instantiate()) return fall_back(State::Never);
  if (!done(cudaGraphLaunch(executable_, *stream_))) return fall_back(State::Never);
  state_ = State::Captured;
  stream_->recording_ = nullptr;
  stream_ = nullptr;
}

bool Recording::instantiate() {
  capturing_ = false;
  return done(cudaStreamEndCapture(*stream_, &graph_)) && done(cudaGraphInstantiate(&executable_, graph_, 0));
}

/// Makes what was taken, and takes no more.
void Recording::fall_back(State next) {
  Stream& stream = *stream_;
  leave(next);
  for (std::size_t i = 0; i < taken_; ++i) calls_[i].call.make(calls_[i].call.operation, stream);
}

/// Takes no more; what was taken is lost.
void Recording::leave(State next) noexcept {
  if (capturing_) done(cudaStreamEndCapture(*stream_, &graph_));
  capturing_ = false;
  drop_graph();
  state_ = next;
  stream_->recording_ = nullptr;
  stream_ = nullptr;
}

void Recording::drop_graph() noexcept {
  if (executable_) cudaGraphExecDestroy(std::exchange(executable_, nullptr));
  if (graph_) cudaGraphDestroy(std::exchange(graph_, nullptr));
}

}  // namespace regatta::device::cuda
