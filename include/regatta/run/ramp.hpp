#pragma once

#include <cstddef>

namespace regatta::run {

/// How many trials may be held by workers at once: one at first, and twice as many as long as that lets
/// trials end faster by a tenth at least. Each number is judged by the trials that end while it is in force,
/// the first ones left out, as these began before.
class Ramp {
 public:
  /// @param most  trials at once
  explicit Ramp(std::size_t most);

  std::size_t limit() const { return limit_; }
  /// Trials that ended per second under the last number that was judged [1/s].
  double throughput() const { return throughput_; }
  /// A trial has ended; true where the limit is another one from now on.
  bool trial_ended(double now);

 private:
  std::size_t most_, limit_ = 1, before_ = 1;
  std::size_t ended_ = 0;  ///< under this limit
  double since_ = 0;       ///< when the judged ones began [s]
  double throughput_ = 0, best_ = 0;
  bool settled_;
};

}  // namespace regatta::run
