#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// What the slots of workers did from the first to the last assignment of a job, and in the tail
/// after that. Sums over slots and jobs [s].
struct SlotTime {
  double slot = 0;         ///< from the first to the last assignment
  double train = 0;        ///< of it
  double load = 0;         ///< of it
  double communicate = 0;  ///< of it
  double tail = 0;         ///< from the last assignment to the end of the last trial
  double tail_busy = 0;    ///< of it: training, loading or communicating

  double wait() const { return slot - train - load - communicate; }
  /// Share of the slot time spent training; NaN where there was one round of assignments only.
  double utilisation() const;
  SlotTime& operator+=(const SlotTime& other);
};

struct WorkerUse {
  WorkerId worker;
  std::string rank;  ///< and lane
  std::string host;
  std::string device;
  std::size_t trials = 0;  ///< attempts that ended
  SlotTime time;
};

struct Utilisation {
  std::vector<WorkerUse> workers;  ///< by worker, all that joined or were given a trial
  SlotTime total;
};

/// A trial that still runs counts as training since it was assigned; what a lost worker did counts as
/// waiting.
Utilisation utilisation_of(const log::Study& study);

}  // namespace regatta::report
