#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/core/id.hpp"
#include "regatta/space/config.hpp"

namespace regatta::search {

using space::Config;

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Numbers that reach disk and wire: never renumber.
enum class TrialState : std::uint8_t {
  Queued = 0,
  Running = 1,
  Paused = 2,
  Completed = 3,
  Stopped = 4,  ///< by a scheduler; its best value counts
  Failed = 5,
  Cancelled = 6,
};

/// Why a trial failed (or was cancelled). Numbers that reach disk and wire: never renumber.
enum class Reason : std::uint8_t {
  None = 0,
  Diverged = 1,     ///< NaN or infinite loss
  OutOfMemory = 2,  ///< device or host memory
  Crash = 3,        ///< exception, signal or exit code of the trial
  Timeout = 4,
  Lost = 5,     ///< its worker died
  Invalid = 6,  ///< the objective cannot run this configuration
};

/// Who chose the configuration. Numbers that reach disk and wire: never renumber.
enum class Origin : std::uint8_t { Searcher = 0, User = 1 };

std::string_view name_of(TrialState state);  ///< "completed"
std::string_view name_of(Reason reason);     ///< "diverged"; "none"
std::string_view name_of(Origin origin);     ///< "searcher", "user"
inline constexpr int trial_state_count = 7;
inline constexpr int reason_count = 7;
inline bool is_final(TrialState state) { return state >= TrialState::Completed; }
/// Whether its last value counts as a result.
inline bool succeeded(TrialState state) {
  return state == TrialState::Completed || state == TrialState::Stopped;
}

/// One Config and all that is known of it: the fold of its events.
struct Trial {
  TrialId id;
  Config config;
  TrialState state = TrialState::Queued;
  Reason reason = Reason::None;
  Origin origin = Origin::Searcher;
  double objective = not_a_number;       ///< final or latest value in the user's own direction
  double standard_error = not_a_number;  ///< of the objective, from folds or repeats; NaN: not known
  std::int32_t epochs = 0;               ///< reported so far
  std::int32_t until_epoch = 0;          ///< where its latest start was to pause; 0: at its end
  std::int32_t attempt = 0;              ///< counts starts; 1 is the first
  WorkerId worker;                       ///< the last one
  std::int32_t lane = 0;
  std::uint64_t seed = 0;
  TrialId parent;                  ///< PBT: whose weights it took last
  std::int32_t changed_epoch = 0;  ///< after which its hyperparameters changed last; 0: never
  TrialId weights;  ///< whose weights its next start takes, where they are kept; none: fresh ones
  std::uint64_t events_seen = 0;   ///< length of the history that its proposal was made from
  double t_queued = not_a_number;  ///< [s since the epoch, UTC]
  double t_start = not_a_number;
  double t_end = not_a_number;
  double seconds = 0;  ///< device time over all attempts [s]
  std::int32_t exit_code = 0;
  std::string message;  ///< why it failed, for people
};

}  // namespace regatta::search
