#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "regatta/log/run_status.hpp"
#include "regatta/search/event.hpp"

namespace regatta::log {

/// When the journal reaches the disk itself: never, once a second, or before write() returns for each trial
/// that ends.
enum class Sync { None, Second, Event };

struct RunLogOptions {
  std::filesystem::path directory;
  Sync sync = Sync::Second;
  double snapshot_seconds = 5;  ///< least time between two rewrites of regatta.h5
};

/// The run directory of a study: journal.bin, regatta.h5, status.json, used_inputs.ini.
///
/// write() is called by the controller's thread before an event takes effect. A thread of the log's own folds
/// the same events, syncs the journal, and rewrites regatta.h5 (every max(snapshot_seconds, 20 x the last
/// rewrite's time)) and status.json (each second).
class RunLog {
 public:
  /// Makes the directory.
  /// @throws InvalidInput  it holds a run already (finished, running or of other inputs): says what to do
  /// @throws Unavailable   it cannot be made or written
  static RunLog create(const RunLogOptions& options, const search::StudyHeader& header);

  /// Goes on with the run in the directory, after cutting a torn tail of its journal.
  /// @param earlier  is given what the journal holds
  /// @throws InvalidInput  there is no run, or it is still alive
  static RunLog resume(const RunLogOptions& options, std::vector<search::Event>& earlier);

  RunLog(RunLog&&) noexcept;
  RunLog& operator=(RunLog&&) noexcept;
  ~RunLog();  ///< stops the thread; does not write a final snapshot

  /// Events logged when it returns survive a kill of this process.
  /// @throws SystemFailure  the journal could not be written, or the log's thread has failed
  void write(std::span<const search::Event> events);
  /// Asks for a snapshot soon. Not to be called from within a signal handler.
  void request_snapshot();
  /// Joins the thread, writes the final snapshot and status.
  /// @throws SystemFailure  as write()
  void close(RunState state, const std::string& reason);

 private:
  struct Impl;
  explicit RunLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace regatta::log
