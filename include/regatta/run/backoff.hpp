#pragma once

#include "regatta/core/clock.hpp"

namespace regatta::run {

/// The pause of a polling loop: none for the first 50 us after something happened, then growing to `ceiling`. A rank that waits
/// so uses 1-2 % of a core and reacts within the ceiling, where a blocking receive would burn the whole core.
class Backoff {
 public:
  explicit Backoff(double ceiling_seconds) : ceiling_(ceiling_seconds) {}

  void event() {
    last_event_.restart();
    pause_ = shortest;
  }

  /// The next pause [s]; 0: the core is only offered to others. `at_most`: a known time until the next work [s].
  double pause(double at_most) {
    if (last_event_.seconds() < spinning) return 0;
    const double pause = pause_ < at_most ? pause_ : at_most;
    pause_ = pause_ * 1.5 < ceiling_ ? pause_ * 1.5 : ceiling_;
    return pause;
  }
  /// Waits once.
  void wait(double at_most) {
    sleep_for(pause(at_most));
  }

 private:
  static constexpr double spinning = 50e-6;  ///< [s]
  static constexpr double shortest = 20e-6;  ///< [s]
  double ceiling_;
  double pause_ = shortest;
  Stopwatch last_event_;
};

}  // namespace regatta::run
