#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "regatta/comm/node_memory.hpp"

namespace regatta::run {

/// Lets a worker thread use a NodeMemory whose calls only the main thread may make: the thread asks, the main thread serves.
class FunneledMemory final : public comm::NodeMemory {
 public:
  explicit FunneledMemory(comm::NodeMemory& memory) : memory_(memory), leader_(memory.leader()) {}

  bool leader() const override { return leader_; }
  std::span<std::byte> allocate(std::size_t bytes) override;
  void publish() override;

  /// The worker thread needs no more; also to be called when it failed.
  void close();
  /// On the main thread: serves until close().
  void serve();

 private:
  enum class Request { None, Allocate, Publish };
  void ask(std::unique_lock<std::mutex>& lock, Request request);

  comm::NodeMemory& memory_;
  bool leader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Request request_ = Request::None;
  std::size_t bytes_ = 0;
  std::span<std::byte> block_;
  bool closed_ = false;
};

}  // namespace regatta::run
