#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "regatta/search/event.hpp"

namespace regatta::log {

enum class Sync { None, Second, Event };  ///< when the journal reaches the disk itself

struct RunLogOptions {
  std::filesystem::path directory;
  Sync sync = Sync::Second;
  double snapshot_seconds = 5;  ///< least time between two rewrites of regatta.h5
};

/// What the status file says beside the counts.
enum class RunState { Running, Complete, Interrupted, Failed };
std::string_view name_of(RunState state);  ///< "RUNNING", ...

/// The run directory of a study: journal.bin, regatta.h5, status.json, used_inputs.ini.
///
/// write() is called by the controller's thread before an event takes effect. A thread of the log's own folds the same
/// events, syncs the journal, and rewrites regatta.h5 (every max(snapshot_seconds, 20 x the last rewrite's time)) and status.json (each second).
class RunLog {
 public:
  /// Makes the directory.
  /// @throws InvalidInput   it holds a run already (finished, running or of other inputs): says what to do
  /// @throws SystemFailure  it cannot be made or written
  static RunLog create(const RunLogOptions& options, const search::StudyHeader& header);

  RunLog(RunLog&&) noexcept;
  RunLog& operator=(RunLog&&) noexcept;
  ~RunLog();  ///< stops the thread; does not write a final snapshot

  /// @throws SystemFailure  the journal could not be written, or the log's thread has failed since the last call
  void write(std::span<const search::Event> events);
  /// Asks for a snapshot soon (signals).
  void request_snapshot();
  /// Final snapshot and status; joins the thread.
  void close(RunState state, const std::string& reason);

 private:
  struct Impl;
  explicit RunLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace regatta::log
