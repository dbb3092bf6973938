#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace regatta::run {

/// How many trials may be held by workers at once: one at first, and twice as many as long as that lets
/// trials end faster by a tenth at least, and does not make them worse: a searcher that has to propose
/// without the results of those at work may learn less from each. Each number is judged by the trials that
/// end while it is in force, the first ones left out, as these began before.
class Ramp {
 public:
  /// @param most  trials at once
  explicit Ramp(std::size_t most);

  std::size_t limit() const { return limit_; }
  /// Trials that ended per second under the last number that was judged [1/s].
  double throughput() const { return throughput_; }
  /// Gain per trial under it: the share of trials that were better than the median of all before them; NaN:
  /// none has ended with a result.
  double gain() const { return last_gain_; }
  /// A trial has ended or paused; true where the limit is another one from now on.
  /// @param loss  of one that is over, infinite where it has none; none: of a trial that may go on
  bool trial_ended(double now, std::optional<double> loss);

 private:
  /// Of trials that were judged together.
  struct Share {
    double better = 0, all = 0;
  };

  void compare(double loss);
  bool worse() const;

  std::size_t most_, limit_ = 1, before_ = 1;
  std::size_t ended_ = 0;  ///< under this limit
  double since_ = 0;       ///< when the judged ones began [s]
  double throughput_ = 0, best_ = 0;
  std::vector<double> losses_;  ///< of all trials, ascending
  Share gain_, gain_before_;    ///< under this limit, and under the last one that was kept
  double last_gain_;
  bool settled_;
};

}  // namespace regatta::run
