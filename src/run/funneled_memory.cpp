#include "funneled_memory.hpp"

namespace regatta::run {

std::span<std::byte> FunneledMemory::allocate(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  bytes_ = bytes;
  ask(lock, Request::Allocate);
  return block_;
}

void FunneledMemory::publish() {
  std::unique_lock lock(mutex_);
  ask(lock, Request::Publish);
}

void FunneledMemory::ask(std::unique_lock<std::mutex>& lock, Request request) {
  request_ = request;
  changed_.notify_all();
  changed_.wait(lock, [this] { return request_ == Request::None; });
}

void FunneledMemory::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void FunneledMemory::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || request_ != Request::None; });
    if (request_ == Request::Allocate) block_ = memory_.allocate(bytes_);
    if (request_ == Request::Publish) memory_.publish();
    if (closed_) return;
    request_ = Request::None;
    changed_.notify_all();
  }
}

}  // namespace regatta::run
