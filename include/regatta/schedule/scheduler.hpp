#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "regatta/search/history.hpp"

namespace regatta::schedule {

/// What a free slot shall do.
struct Job {
  std::optional<TrialId> trial;  ///< a paused trial to go on with; none: a new one
  std::int32_t until_epoch = 0;  ///< where it pauses or is asked about; 0: to its end
};

/// The answer to a report.
enum class Decision : std::uint8_t { Continue, Pause, Stop };

/// Decides how long each trial trains: a function of the history that keeps nothing but caches.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// What the next free slot shall do.
  virtual Job next(const search::History& history) = 0;
  /// Called once for each report, after the history has it, while the trial is running.
  virtual Decision on_report(const search::History& history, const search::TrialReported& report) = 0;
};

struct SchedulerOptions {
  std::string algorithm = "fifo";
};

/// Names of all schedulers, the first is the default.
const std::vector<std::string>& scheduler_names();

/// @throws InvalidInput  unknown algorithm
std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options);

}  // namespace regatta::schedule
