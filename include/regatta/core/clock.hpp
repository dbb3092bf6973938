#pragma once

#include <chrono>
#include <string>

namespace regatta {

/// Wall-clock time [s since 1970-01-01 UTC].
double wall_time();

/// `seconds` since the epoch as local time in ISO 8601 with zone, "2026-11-21T02:03:04+01:00".
std::string iso_time(double seconds);

/// Sleeps that long [s]; 0: only offers the core to others.
void sleep_for(double seconds);

/// Measures elapsed time on a clock that never jumps.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void restart() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace regatta
