#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "regatta/core/id.hpp"
#include "regatta/run/checkpoint.hpp"

namespace regatta::run {

/// What a worker keeps of the trials that have paused with it: in memory, where that is full in node-local
/// files, where those cannot be written in the run directory. The newest snapshots stay in memory.
class SnapshotStore {
 public:
  explicit SnapshotStore(CheckpointOptions options) : options_(std::move(options)) {}
  SnapshotStore(const SnapshotStore&) = delete;
  SnapshotStore& operator=(const SnapshotStore&) = delete;
  ~SnapshotStore();  ///< removes the node-local files

  /// Replaces what is kept of the trial.
  void keep(TrialId trial, std::vector<std::byte> snapshot);
  /// What is kept of the trial; what an earlier job has left in the run directory, if this one keeps nothing;
  /// else empty.
  std::vector<std::byte> find(TrialId trial) const;
  /// Forgets what this worker keeps of the trial.
  void forget(TrialId trial);
  /// The trial is over: forgets it, in the run directory as well.
  void drop(TrialId trial);
  /// Writes what is kept of the trial into the run directory.
  void save(TrialId trial) const;
  /// Writes everything into the run directory.
  void save_all() const;
  std::size_t bytes_in_memory() const { return bytes_; }

 private:
  struct Kept {
    std::vector<std::byte> bytes;  ///< empty: in the node-local file
    std::list<TrialId>::iterator age;
  };

  void spill();
  std::filesystem::path local_file(TrialId trial) const;
  std::filesystem::path run_file(TrialId trial) const;

  CheckpointOptions options_;
  std::unordered_map<TrialId, Kept> kept_;
  std::list<TrialId> by_age_;  ///< in memory, the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace regatta::run
