#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "regatta/comm/communicator.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/search/trial.hpp"

namespace regatta::run {

/// Names of the messages on the wire; there are no others. Never renumber.
enum class Tag : int {
  Assign = 1,
  Report = 2,
  Cancel = 3,
  Shutdown = 4,
  Hand = 5,
  Weights = 6,
  Checkpoint = 7,
  Incumbent = 8,
  Tree = 9,   ///< between those that share a tree: search/divided_tree.hpp says what
  Timed = 10  ///< empty: lanes have been timed, before the job begins
};

/// Controller -> team leader -> its team: train one trial, or go on with it.
struct Assign {
  TrialId trial;
  std::int32_t lane = 0;  ///< of the worker's rank
  std::int32_t attempt = 1;
  std::int32_t until_epoch = 0;  ///< where it pauses; 0: at its end
  std::uint64_t seed = 0;
  search::Config config;
  TrialId weights = {};  ///< the trial whose kept weights it starts from; none: fresh ones
  bool awaited = false;  ///< these come in a message of their own (Weights), else the worker has them
  /// Where teams are formed for each trial: who trains it together, the leader first, as workers for the controller and as
  /// ranks on the wire; empty: the worker with the team that it has.
  std::vector<std::int32_t> team = {};
};

/// Team leader -> controller: what the trial has reached. The leader's word to its team after each epoch as well: a state
/// other than Running ends the trial there.
struct Report {
  TrialId trial;
  std::int32_t epoch = 0;
  search::TrialState state = search::TrialState::Running;  ///< Running: goes on
  search::Reason reason = search::Reason::None;
  double value = search::not_a_number;
  double standard_error = search::not_a_number;
  double seconds = 0;              ///< since the assignment began [s]
  double load_seconds = 0;         ///< of which set-up [s]
  double communicate_seconds = 0;  ///< of which waiting for team partners [s]
  std::vector<double> metrics;
  std::vector<double> fold_scores;
  std::string message;  ///< of a failure; else what people should know of how the trial trains, or empty
  std::int32_t exit_code = 0;  ///< of the trial's program
  objective::Sums sums = objective::Sums::None;  ///< of its team
};

/// Controller -> team leader: send what is kept of a trial to another worker.
struct Hand {
  TrialId weights;  ///< of this trial
  TrialId trial;    ///< that is to start from them
  WorkerId to;
  Rank rank;  ///< of that worker's leader for the one that sends; 0: the controller, which hands them on
};

/// Worker -> worker, or by way of the controller where one of them is rank 0's own: what Hand asked for.
struct Weights {
  TrialId trial;  ///< that is to start from them
  WorkerId to;
  std::vector<std::byte> bytes;  ///< as Trainable::save() gave them; empty: nothing is kept
};

/// Controller -> team leader: save what is needed to go on with the trial in the run directory; a running
/// trial after its epoch.
struct Checkpoint {
  TrialId trial;
};

/// Controller -> team leader: end the trial (Stopped, Paused or Cancelled), running or still waiting in the
/// inbox. A running trial pauses after its epoch. Stopped, of a trial that has paused or ended: what is kept of it goes.
struct Cancel {
  TrialId trial;
  search::TrialState state = search::TrialState::Cancelled;
};

/// Controller -> every leader -> its team: the best trial so far. For people and for what a trial may make of it; nothing
/// depends on its arrival.
struct Incumbent {
  TrialId trial;
  double value = search::not_a_number;
  search::Config config;
};

/// Controller -> every leader -> its team: the study is over.
struct Shutdown {};

void send(comm::Communicator& comm, Rank to, const Assign& message);
void send(comm::Communicator& comm, Rank to, const Report& message);
void send(comm::Communicator& comm, Rank to, const Cancel& message);
void send(comm::Communicator& comm, Rank to, const Incumbent& message);
void send(comm::Communicator& comm, Rank to, const Shutdown& message);
void send(comm::Communicator& comm, Rank to, const Hand& message);
void send(comm::Communicator& comm, Rank to, const Weights& message);
void send(comm::Communicator& comm, Rank to, const Checkpoint& message);

/// @throws InvalidInput  if `envelope` holds another message
Assign open_assign(const comm::Envelope& envelope);
Report open_report(const comm::Envelope& envelope);
Cancel open_cancel(const comm::Envelope& envelope);
Hand open_hand(const comm::Envelope& envelope);
Weights open_weights(const comm::Envelope& envelope);
Checkpoint open_checkpoint(const comm::Envelope& envelope);
Incumbent open_incumbent(const comm::Envelope& envelope);

}  // namespace regatta::run
