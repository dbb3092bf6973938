#pragma once

#include <vector>

#include "regatta/core/id.hpp"

namespace regatta::run {

/// What the trials so far tell of the speed of each worker. Trials differ as well, so a worker is believed to
/// be as fast as the mean until it has ended several.
class Speeds {
 public:
  /// A worker has taken `seconds` for an epoch of some trial.
  void take(WorkerId worker, double seconds);
  /// Time of an epoch on this worker as a multiple of the mean.
  double slowness(WorkerId worker) const;

 private:
  struct Worker {
    double log_ratio = 0;  ///< to the mean, averaged over its trials
    double trials = 0;
  };

  double mean_log_ = 0;  ///< of an epoch's seconds
  double trials_ = 0;
  std::vector<Worker> workers_;
};

}  // namespace regatta::run
