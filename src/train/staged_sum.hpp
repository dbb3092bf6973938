#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "regatta/comm/communicator.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/device/buffer.hpp"

namespace regatta::train {

/// Sums over a group of ranks of numbers on a backend, by way of the host's memory where the backend's is
/// another.
class StagedSum {
 public:
  /// Both live longer.
  /// @param most  numbers of a sum
  StagedSum(device::Backend& backend, comm::Communicator& group, std::size_t most)
      : backend_(backend), group_(group) {
    if (!backend.host_memory()) staging_.emplace(backend, most);
  }

  void operator()(std::span<float> numbers) {
    const std::span<float> host(staging_ ? staging_->data() : numbers.data(), numbers.size());
    if (staging_) backend_.download(numbers.data(), host);
    const Stopwatch clock;
    group_.begin_sum(host)->wait();
    wait_seconds_ += clock.seconds();
    if (staging_) backend_.upload(host, numbers.data());
  }

  double wait_seconds() const { return wait_seconds_; }  ///< for the others, so far [s]

 private:
  device::Backend& backend_;
  comm::Communicator& group_;
  std::optional<device::HostBlock> staging_;
  double wait_seconds_ = 0;
};

}  // namespace regatta::train
