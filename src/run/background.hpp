#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace regatta::run {

/// A thread beside the controller's, and what the two have in common. Whoever owns it calls end() before what the loop works on
/// goes away.
struct Background {
  std::mutex mutex;  ///< guards what follows
  std::condition_variable wanted;
  bool ending = false;         ///< the loop is to return
  std::exception_ptr failure;  ///< what the loop threw

  void start(std::function<void()> loop) {
    thread = std::thread([this, loop = std::move(loop)] {
      try {
        loop();
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    });
  }

  /// Returns once the loop has.
  void end() {
    {
      const std::lock_guard lock(mutex);
      ending = true;
    }
    wanted.notify_one();
    thread.join();
  }

 private:
  std::thread thread;
};

}  // namespace regatta::run
