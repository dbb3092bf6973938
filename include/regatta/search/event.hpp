#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "regatta/search/trial.hpp"

/// Every decision and every result is an event, logged before it takes effect; History is the fold of the
/// events. Times are the controller's wall clock [s since the epoch, UTC].
namespace regatta::search {

/// A configuration was chosen. Trials are numbered in this order.
struct TrialCreated {
  TrialId trial;
  Origin origin = Origin::Searcher;
  std::uint64_t seed = 0;
  std::uint64_t events_seen = 0;
  TrialId parent;
  double time = 0;
  Config config;
};

/// A worker was told to run the trial, from `from_epoch` (0: fresh) to `until_epoch` (0: to its end).
struct TrialStarted {
  TrialId trial;
  WorkerId worker;
  std::int32_t lane = 0;
  std::int32_t from_epoch = 0;
  std::int32_t until_epoch = 0;
  double time = 0;
};

/// Metrics after one epoch.
struct TrialReported {
  TrialId trial;
  std::int32_t epoch = 0;       ///< from 1
  double value = not_a_number;  ///< the study's metric
  double time = 0;
  std::vector<double> metrics;  ///< further metrics in the order of StudyHeader::metrics
};

/// The trial reached a state in which no worker holds it (paused or final).
struct TrialEnded {
  TrialId trial;
  TrialState state = TrialState::Completed;
  Reason reason = Reason::None;
  double objective = not_a_number;
  double standard_error = not_a_number;
  std::int32_t epochs = 0;
  std::int32_t exit_code = 0;
  double seconds = 0;              ///< device time of this attempt, load and communication included [s]
  double load_seconds = 0;         ///< of which: set-up before the first step [s]
  double communicate_seconds = 0;  ///< of which: waiting for team partners [s]
  double time = 0;
  std::vector<double> fold_scores;  ///< one per fold of a cross-validation, else empty
  std::string message;
};

/// The trial's worker went away: it goes back to the queue.
struct TrialRequeued {
  TrialId trial;
  double time = 0;
};

struct WorkerJoined {
  WorkerId worker;
  std::int32_t rank = -1;  ///< of the team's leader in the world
  std::int32_t ranks = 1;  ///< team size
  std::int32_t cores = 0;  ///< in the leader's affinity mask
  double time = 0;
  std::string host;
  std::string device;       ///< "cpu" or the GPU's name
  std::string device_uuid;  ///< empty for cpu
};

/// A start or restart of the job.
struct JobStarted {
  double time = 0;
  std::string host;
  std::string job_id;    ///< of the batch system, or empty
  std::string launcher;  ///< "mpirun", "srun", "none"
  std::string command_line;
  std::string git_commit;
};

/// The job ended by itself; a job that was killed has no such event.
struct JobEnded {
  double time = 0;
  std::string reason;  ///< "budget spent", "wall time", "signal", "space exhausted", "error: ..."
};

/// What a searcher or scheduler wants to find again at replay (refitted hyperparameters, ...).
struct Note {
  std::string key;
  std::vector<double> values;
};

/// A paused trial's hyperparameters change, and it may take the weights of another trial.
struct TrialChanged {
  TrialId trial;
  std::int32_t epoch = 0;  ///< after which
  TrialId donor;           ///< whose weights it takes; itself: its own; none: fresh ones
  double time = 0;
  Config config;
};

/// Key of the note that follows a trial's creation where the searcher knows its worth: {trial, expected gain
/// over the incumbent}.
inline constexpr const char* gain_note = "search/gain";

/// Key of the note that follows where the log does not say by itself from what a proposal was made: {trial, number of the
/// proposal, the configurations that it avoided beside those of the history that it has seen, one after another}.
inline constexpr const char* avoided_note = "search/avoided";
/// Key of the note that follows where a searcher took too long and a cheaper one has proposed in its place: {trial,
/// number of the proposal}. That one avoids all trials before.
inline constexpr const char* filled_note = "search/filled_in";

/// Key of the note on how many trials run at once from there on: {trials, ends per second before [1/s]}.
inline constexpr const char* in_flight_note = "workers/in_flight";
/// Key of the note that follows a trial's start where several workers train it: {trial, the workers beside the first}.
inline constexpr const char* team_note = "run/team";

/// The order of the alternatives reaches disk: only append.
using Event = std::variant<TrialCreated, TrialStarted, TrialReported, TrialEnded, TrialRequeued, WorkerJoined,
                           JobStarted, JobEnded, Note, TrialChanged>;

/// What the log says once, before all events.
struct StudyHeader {
  std::string name;
  std::string run_uuid;
  std::string metric;  ///< name of the study's metric
  bool maximize = false;
  std::uint64_t seed = 0;
  std::vector<std::string> metrics;                              ///< names of TrialReported::metrics
  std::string used_inputs;                                       ///< the whole input in force, as text
  std::vector<std::pair<std::string, std::string>> space;        ///< name, definition: gives the space again
  std::vector<std::pair<std::string, std::string>> constraints;  ///< name, expression
  std::string input_hash;  ///< fingerprint of what must not change between restarts
  std::string searcher;
  std::string scheduler;
  std::string objective;
  std::int64_t trials = 0;                                    ///< budget; 0: none
  double created = 0;                                         ///< [s since the epoch, UTC]
  std::vector<std::pair<std::string, std::string>> software;  ///< name, version: for the root attributes
};

}  // namespace regatta::search
