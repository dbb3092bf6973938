#pragma once

#include <ctime>

namespace regatta::run {

/// CPU time of this thread [s].
inline double cpu_seconds() {
  std::timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace regatta::run
