#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace regatta::log {

/// What became of a run, as its status file says.
enum class RunState { Running, Complete, Interrupted, Failed };
std::string_view name_of(RunState state);  ///< "RUNNING", "COMPLETE", "INTERRUPTED", "FAILED"

/// Who runs a study (or ran it last), and how it goes. Times are [s since the epoch, UTC].
struct RunStatus {
  RunState state = RunState::Running;
  std::string reason;    ///< why it ended; empty while it runs
  std::string host;      ///< of rank 0
  std::int64_t pid = 0;  ///< of rank 0
  double started = 0;    ///< this job
  double updated = 0;    ///< last sign of life: once a second while it runs
};

/// The status in status.json of a run directory; none when it is missing or unreadable.
std::optional<RunStatus> read_status(const std::filesystem::path& directory);

/// Whether the process of a run whose state is Running still works at time `now`: on this host its process
/// exists, and elsewhere it gave a sign of life within the last minute.
bool is_alive(const RunStatus& status, double now);

}  // namespace regatta::log
