#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "regatta/run/study.hpp"

namespace regatta::run {

struct SimulationOptions {
  std::int32_t workers = 1;
  double epoch_seconds = 1;  ///< of an epoch where the objective does not know [s]
  double walltime = 0;       ///< virtual time after which running trials are called in [s]; 0: none
  double latency = 0;        ///< of a message between controller and worker [s]
  double speed_spread =
      0;  ///< standard deviation of the logarithm of a worker's time per epoch; drawn once for each
  /// n workers train a trial 1 + (n - 1) team_efficiency times as fast as the slowest of them; 0: where
  /// trials take several workers the objective knows what that changes.
  double team_efficiency = 0;
  /// Workers report at most once in this time [s]: epochs in between go unreported; 0: each epoch is
  /// reported.
  double report_seconds = 0;
  double failure_seconds =
      0;  ///< mean time until a worker fails, with all that it holds and keeps [s]; 0: none does
  double repair_seconds = 600;  ///< until it is there again [s]
  /// The controller's own time passes in virtual time as well: it is measured, so that no two runs are the
  /// same.
  bool charge_controller = false;
  /// Is given all events in order, each before it takes effect; may be empty.
  std::function<void(std::span<const search::Event>)> log = {};
};

struct SimulationResult {
  search::History history;  ///< its times are virtual, from 0 [s]
  bool interrupted = false;
  std::string reason;      ///< why it ended
  double seconds = 0;      ///< virtual time from the first assignment to the last result
  double utilisation = 0;  ///< share of all workers' time until then in which they had a trial
  std::size_t reports = 0;
  double controller_seconds =
      0;  ///< CPU time of the controller and the scheduler, the searcher's left out [s]
  std::size_t longest_queue = 0;  ///< reports that waited for the controller at once
  std::size_t failures = 0;       ///< of workers
  std::size_t proposals = 0;
  /// CPU time of the calling thread in the searcher, or of a sub-controller per proposal [s].
  double mean_proposal_seconds = 0;
  double max_proposal_seconds = 0;  ///< [s]
  std::size_t domains = 0;          ///< parts of a divided tree
  std::size_t handed_over = 0;      ///< of them, so far, from one sub-controller to another
};

/// Runs a whole study in virtual time in this thread: the controller of a real job, workers that are entries
/// of a queue, and proposals that are made at the moment of need, by virtual sub-controllers where the tree of
/// `ais` is divided. No MPI, no file, no clock; the same plan
/// gives the same history.
///
/// Its controller takes no time, unless it is charged. Reports arrive in the order of virtual time; those of
/// one moment all before the controller acts, by worker. A trial that is paused goes on where it was. Of
/// `plan`, what belongs to ranks, devices and the run directory is not used.
/// @throws InvalidInput  an objective that really trains, a plan without an end
SimulationResult simulate(const StudyPlan& plan, const SimulationOptions& options);

}  // namespace regatta::run
