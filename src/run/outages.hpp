#pragma once

#include <set>
#include <utility>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/run/simulator.hpp"

namespace regatta::run {

/// When virtual workers fail and when they are there again: each fails after a time drawn from an exponential
/// distribution, and is away for the time of a repair.
class Outages {
 public:
  explicit Outages(const SimulationOptions& options);

  /// When the next worker fails or is there again [s]; infinite: never.
  double next() const;
  /// The next worker of which that is so, and whether it fails.
  std::pair<WorkerId, bool> take();

 private:
  struct Turn {
    double time = 0;
    WorkerId worker;
    bool fails = true;
    auto operator<=>(const Turn&) const = default;
  };

  double lifetime(WorkerId worker);

  double mean_, repair_;
  std::vector<Random> streams_;  ///< by worker
  std::set<Turn> turns_;
};

}  // namespace regatta::run
