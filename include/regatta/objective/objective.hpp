#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "regatta/comm/communicator.hpp"
#include "regatta/comm/node_memory.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/option.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/process/launcher.hpp"
#include "regatta/space/space.hpp"

namespace regatta::objective {

/// How a trial can fail without harming its worker.
enum class FailureKind { Diverged, OutOfMemory, Crash, Timeout, Invalid };

/// Thrown by a Trainable; the trial has failed, the worker goes on. Any other exception from a Trainable counts as Crash.
struct TrialFailure : Error {
  TrialFailure(FailureKind failure, const std::string& text, std::int32_t code = 0)
      : Error(text), kind(failure), exit_code(code) {}
  FailureKind kind;
  std::int32_t exit_code;  ///< of the trial's program, as a shell tells it; 0: none
};

/// Thrown by a Trainable when not the trial but its worker is broken (device lost): ends the job.
struct WorkerFailure : Error { using Error::Error; };

/// What a trial has reached after one epoch.
struct Progress {
  std::int32_t epoch = 0;       ///< from 1
  bool finished = false;        ///< nothing left to do
  double value = 0;             ///< the study's metric
  std::vector<double> metrics;  ///< in the order of Objective::metrics()
  double standard_error = 0;    ///< of value over folds; NaN when not known
  std::vector<double> fold_scores;  ///< empty without cross-validation
};

/// How far a trial is that is to pause.
enum class Rest {
  NotYet,   ///< it is still getting ready
  Ready,    ///< it can be saved and given up
  Waiting,  ///< it can be saved, and may go on as it is: go_on()
};

/// How ranks add up the gradients of a network; the numbers are logged. ByNccl to Staged: that lie on GPUs. BetweenNodes: in the
/// memory of each node, and by messages between them.
enum class Sums : std::uint8_t { None, ByMessages, InMemory, ByNccl, ByMpiOnGpus, Staged, BetweenNodes };

/// One trial at work.
class Trainable {
 public:
  virtual ~Trainable() = default;

  /// Does the next piece of work (one epoch at most; some milliseconds to some seconds). Progress at the end of an epoch, else none.
  /// @throws TrialFailure
  virtual std::optional<Progress> advance() = 0;
  /// Whether pause() and save() may come at any time, not between two epochs only.
  virtual bool saves_at_any_time() const { return false; }
  /// The trial is to pause after the epoch that it has reported; asked again until it is ready, and then saved.
  /// @throws TrialFailure
  virtual Rest pause() { return Rest::Ready; }
  /// After Rest::Waiting: goes on with these hyperparameters, from where it is or from what another trial has
  /// saved. False: it cannot, and is given up for a new start.
  /// @param saved  empty: from where it is
  virtual bool go_on(const space::Config& /*config*/, std::span<const std::byte> /*saved*/) { return false; }
  /// All that load() needs to go on bit by bit as this trial would; called between two epochs. Empty: it
  /// cannot be kept.
  virtual std::vector<std::byte> save() const { return {}; }
  /// Whether all ranks of the team call save() together, though only the leader keeps what it returns.
  virtual bool saves_together() const { return false; }
  /// Takes over what another trial has saved, before the first advance(). Hyperparameters stay its own.
  /// @throws InvalidInput  it does not fit
  virtual void load(std::span<const std::byte> saved);
  /// How long nothing is to be done (a trial that only waits): the caller may sleep that long [s].
  virtual double idle_seconds() const { return 0; }
  /// Sleeps about that long [s], or until there is something to do; 0: only offers the core to others.
  virtual void wait(double seconds) const;
  /// Time spent waiting for team partners so far [s].
  virtual double communicate_seconds() const { return 0; }
  /// How the ranks of its team add up gradients; known after the first step.
  virtual Sums sums() const { return Sums::None; }
  /// What people should know of how it trains; each sentence once, else empty.
  virtual std::string take_message() { return {}; }
  /// How long the epoch that advance() gives next takes in virtual time [s]; none: nothing is known of it.
  virtual std::optional<double> epoch_seconds() const { return {}; }
};

/// Where a worker's programs run.
struct Place {
  process::Launcher* launcher = nullptr;  ///< null: no program can be started
  std::filesystem::path directory;        ///< of the run, absolute
  int slot = 0;                           ///< number of the worker among those of its node
  int ranks = 1;                          ///< of its team
  int cores = 1;                          ///< that its trials may use, on this node
  std::vector<std::string> gpus;          ///< UUIDs of the team's GPUs on this node
  std::vector<int> bound_to = {};         ///< those cores, where they are its own; empty: any that this process may use
};

/// What a worker gives to its trials.
struct WorkerContext {
  device::Backend* backend = nullptr;  ///< null on ranks that only take part in loading, and where nothing computes_here()
  comm::NodeMemory* memory = nullptr;
  comm::Communicator* team = nullptr;  ///< the ranks that train one trial together; null: this rank alone
  Place place = {};
  // The team as a grid, where models are divided (workers.model_parallel, workers.pipeline); else null.
  comm::Communicator* replicas = nullptr;  ///< the ranks that hold the same part of their model
  comm::Communicator* parts = nullptr;     ///< the ranks that hold the parts of one model
  comm::Communicator* stages = nullptr;    ///< the ranks that hold consecutive layers of one model
  int lanes = 1;                           ///< trials that this rank has at once
};

/// What a trial is started with.
struct TrialContext {
  std::int32_t trial = 0;
  std::int32_t attempt = 1;
  std::uint64_t seed = 0;
  bool virtual_time = false;  ///< simulated: nothing waits, each advance() gives an epoch
  /// Where teams are formed for each trial; null: that of the worker.
  comm::Communicator* team = nullptr;
  /// Of a team that is formed for the trial, or of one of several lanes; null: that of the worker.
  const Place* place = nullptr;
};

/// What came of timing a rank with so many trials at once.
struct LaneSpeed {
  int lanes = 1;
  double steps_per_second = 0;  ///< of the optimizers of all; 0: they do not fit into memory
};

/// A parameter of the space that says how many ranks train a trial together.
inline constexpr const char* width_parameter = "ranks_per_trial";

/// What is tuned: turns configurations into numbers. One object per rank, whose lanes have a trial each: these take turns in one
/// thread.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Names of further metrics that each report carries.
  virtual std::vector<std::string> metrics() const = 0;
  /// Epochs of a full training (1 where there is no such thing).
  virtual std::int32_t epochs() const = 0;
  /// Loads what all trials share (data). Collective over the ranks of the node. Once, before start().
  virtual void prepare(const WorkerContext& context) = 0;
  /// Whether trials compute on the worker's backend; else it has none, and leaves the device to programs.
  virtual bool computes_here() const { return true; }
  /// How many trials at once a rank should train faster than one after the other. It follows from the options
  /// and the space, so that all ranks agree; asked before prepare().
  virtual int lanes(bool /*on_gpu*/) const { return 1; }
  /// Times trials that are drawn from the space, one after the other and in lanes, for some tenths of a
  /// second. Before prepare(), which needs not follow.
  /// @param most     lanes, not more than lanes() says
  /// @param sharing  ranks that share the backend's memory
  /// @return for 1, `most` and numbers between them, ascending; empty: it has no trials for that
  virtual std::vector<LaneSpeed> time_lanes(device::Backend& /*backend*/, int /*most*/,
                                            int /*sharing*/) const {
    return {};
  }
  /// Whether trials can run in virtual time: they only look up or compute what would take long in truth. One object then
  /// serves all workers of a simulation.
  virtual bool simulated() const { return false; }
  /// The configurations that differ: any other one is taken for the nearest of them. Empty: all differ.
  virtual std::vector<space::Config> listed() const { return {}; }
  /// @throws TrialFailure  kind Invalid for a configuration that cannot be run
  virtual std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext& context) = 0;
};

/// The [objective] section as the user wrote it, and where its files are looked for.
struct ObjectiveOptions {
  std::string type = "network";
  std::map<std::string, std::string> values;  ///< option name -> text
  std::map<std::string, Location> where;      ///< for messages
  std::filesystem::path folder;               ///< of the input file: relative paths start there
  std::string metric;                         ///< of the study; empty: the objective's own
  bool maximize = false;
  std::size_t stages = 1;  ///< that each network is divided into (workers.pipeline)
};

/// Names of all objective types, the first is the default.
const std::vector<std::string>& objective_names();
/// Options of [objective] for this type, `type` itself left out.
const std::vector<Option>& objective_options(const std::string& type);
/// The metrics that a study with this objective may optimise (network: depends on task), first is the default, and whether the default
/// direction of each is to maximise.
std::vector<std::pair<std::string, bool>> objective_metrics(const ObjectiveOptions& options);

/// Everything that can be checked before the job starts, files included: unknown options, wrong values, parameters of the
/// space that the objective does not know, values in the space that an option does not take.
void check_objective(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

/// The space of an objective that brings its own (function and table without [space]), as definitions; else empty.
/// @throws InvalidInput  the file that tells it cannot be read
std::vector<space::Definition> default_space(const ObjectiveOptions& options);

/// @throws InvalidInput  what check_objective would say
std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options, const space::Space& space);

}  // namespace regatta::objective
