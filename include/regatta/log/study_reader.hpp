#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "regatta/log/run_status.hpp"
#include "regatta/search/event.hpp"
#include "regatta/search/history.hpp"
#include "regatta/space/space.hpp"

namespace regatta::log {

struct WorkerRow {
  search::WorkerJoined joined;
  double last_seen = 0;  ///< time of the last event that names it
  std::int32_t lane = 0;  ///< of its rank, whose lanes join in their order
};

/// One start or restart of the job, and how it ended if it did so by itself.
struct JobRow {
  search::JobStarted start;
  std::optional<search::JobEnded> end;
  std::string lanes = {};  ///< lanes_text() of its note, where it has one
};

/// What a note of the key Study::lanes_note says, for people.
std::string lanes_text(const search::Note& note);

/// One stay of a trial on a worker's lane.
struct Attempt {
  search::TrialStarted start;
  std::optional<search::TrialEnded> end;  ///< none while it runs, or when the worker was lost
  std::vector<WorkerId> partners = {};    ///< further workers that train it
};

/// What the searcher expected of a trial when it was created.
struct Promise {
  TrialId trial;
  double gain = 0;                             ///< over the incumbent [unit of the objective]
  double incumbent = search::not_a_number;     ///< best objective at that time; NaN: none
};

/// The fold of all events of a study: what reports and the results file are made of.
struct Study {
  /// Key of the note on how the ranks of a worker add up gradients, where its report tells so for the first time:
  /// {worker, 1: by messages, 2: in the memory of their node, on GPUs 3: by NCCL, 4: by MPI, 5: by way of the hosts, 6: by messages between nodes}.
  static constexpr const char* sums_note = "workers/sums";

  /// Key of the note on the lanes of each rank of a job, where it chose them: {lanes, then for each number
  /// that was timed that number and optimizer steps per second [1/s], 0 where they do not fit into memory}.
  static constexpr const char* lanes_note = "workers/lanes";

  Study() = default;
  /// @throws InvalidInputs  the header's space cannot be read
  explicit Study(search::StudyHeader header_);

  /// Adds the next event.
  /// @throws InvalidInput  for an event that cannot follow (as History::record)
  void record(search::Event event);

  std::filesystem::path directory;  ///< empty when it was not read from one
  search::StudyHeader header;
  space::Space space;
  search::History history;
  std::vector<search::TrialReported> reports;
  std::vector<Attempt> attempts;          ///< in the order of their starts
  std::vector<std::size_t> last_attempt;  ///< by trial: index into attempts, or no_attempt
  std::vector<WorkerRow> workers;         ///< one row per joining
  std::vector<std::size_t> last_joining;  ///< by worker: index into workers, or no_attempt
  std::int32_t lanes = 1;                 ///< of a rank, at most
  std::vector<JobRow> jobs;
  /// Of hyperparameters during trainings; the first of a trial, at epoch 0, is what it began with.
  std::vector<search::TrialChanged> changes;
  std::vector<Promise> promises;  ///< of trials whose worth the searcher has told, in the order of their creation
  std::vector<TrialId> filled_in;    ///< trials that a cheaper searcher has proposed, since the study's took too long
  std::map<std::int32_t, int> sums;  ///< by worker, the latest of sums_note
  std::optional<RunStatus> status;  ///< from status.json
  bool torn = false;                ///< the journal has bytes after its last whole frame

  static constexpr std::size_t no_attempt = static_cast<std::size_t>(-1);

 private:
  void remember_start(const search::Event& event);
  std::int32_t next_lane(const search::WorkerJoined& joined);

  std::map<std::int32_t, std::int32_t> lanes_of_;  ///< by rank, that have joined the last job
};

/// The space that a header describes.
/// @throws InvalidInputs  it cannot be read
space::Space space_of(const search::StudyHeader& header);

/// Folds the journal of the directory and reads its status file. Works while the study runs.
/// @throws InvalidInput  no such directory, no journal in it, or a journal of a newer schema
Study read_study(const std::filesystem::path& directory);

/// How a worker spent a stretch of time. Numbers that reach disk (/timeline/kind): never renumber.
enum class SpanKind : std::uint8_t { Train = 0, Wait = 1, Communicate = 2, Load = 3 };
std::string_view name_of(SpanKind kind);  ///< "train", "wait", "communicate", "load"

/// A stretch of time on one lane of a worker. [s since the epoch, UTC]
struct Span {
  WorkerId worker;
  std::int32_t lane = 0;
  TrialId trial;  ///< names nothing for Wait
  SpanKind kind = SpanKind::Train;
  double t_start = 0;
  double t_end = 0;
};

/// The timeline that follows from the finished attempts, in the order of the lanes' attempts: Load, Train and
/// Communicate make up one attempt (communication, which is spread over it, is told as one span at its end);
/// Wait fills the gap between two attempts on one lane. What a running or lost attempt did is not known and
/// is left out.
std::vector<Span> timeline_of(const Study& study);

/// Writes the complete regatta.h5 of a study (schema: README.md, "The results file") by temporary file and
/// rename, with fsync when `sync`.
/// @throws SystemFailure  it cannot be written
void write_results(const Study& study, const std::filesystem::path& file, bool sync = true);

}  // namespace regatta::log
