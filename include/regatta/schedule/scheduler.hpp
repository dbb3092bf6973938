#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "regatta/search/history.hpp"
#include "regatta/space/space.hpp"

namespace regatta::schedule {

/// What a free slot shall do.
struct Job {
  enum class Kind : std::uint8_t { New, Resume, Wait };
  Kind kind = Kind::New;  ///< start a new trial; go on with a paused one; nothing until results have come
  TrialId trial = {};     ///< Resume: which one
};

/// What becomes of a trial that has reported.
enum class Answer : std::uint8_t {
  Continue,    ///< it trains on
  Change,      ///< it trains on with other hyperparameters
  Checkpoint,  ///< it saves what it needs to go on after a crash, and trains on
  Pause,       ///< it gives its slot away and may go on later
  Stop,        ///< it is over; its last value counts
  Restart,     ///< it goes on with the weights of another trial, and hyperparameters of its own
};

/// The answer to a report.
struct Decision {
  Answer answer = Answer::Continue;
  search::Config config = {};  ///< Change and Restart: in force from here on
  TrialId donor = {};  ///< Restart: whose weights, as of its last pause or checkpoint; none: fresh ones
};

/// Decides how long each trial trains: a function of the history that keeps nothing but caches. The same
/// history gives the same decisions, whoever made it.
///
/// The controller asks choose_trial_to_run() for each free slot, until_epoch() for the trial that is to start
/// there, and on_result() for each report. Trials that pause keep their weights.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// What the next free slot shall do; unless a policy says otherwise, go on with paused trials before new
  /// ones.
  /// @param more  whether new trials can be made; if not, Job::Kind::New does nothing
  virtual Job choose_trial_to_run(const search::History& history, bool more);

  /// Where `trial`, which is about to start or to go on, pauses by itself and is asked about; 0: at its end.
  virtual std::int32_t until_epoch(const search::History& /*history*/, const search::Trial& /*trial*/) {
    return 0;
  }

  /// Called once for each report of a trial that could train on, after the history has it. A trial that has
  /// come to its until_epoch() pauses at the answers Continue and Checkpoint too, and goes on at once at
  /// Change and Restart.
  virtual Decision on_result(const search::History& history, const search::TrialReported& report) = 0;
};

/// What a scheduler may know of its study.
struct StudyFacts {
  std::int32_t epochs = 1;  ///< of a full training
  std::int64_t trials = 0;  ///< budget; 0: no limit
  std::uint64_t seed = 0;
  space::Space space = {};
};

struct SchedulerOptions {
  std::string algorithm = "fifo";
  std::filesystem::path plugin =
      {};  ///< shared library with a scheduler of the user's own, in place of `algorithm`
  double eta = 3;                 ///< one of eta trials goes on from each rung
  std::int32_t grace_period = 1;  ///< no trial ends before this epoch
  std::int32_t max_epochs = 0;    ///< no trial trains longer; 0: the objective's epochs
  int brackets = 1;               ///< asha: kinds of trials, each with a later first rung than the one before
  bool promotion = false;  ///< asha: trials pause at each rung, instead of running on until they are stopped
  bool asynchronous = false;  ///< hyperband: by asha with all brackets
  int min_samples = 5;        ///< median: other trials that must have come as far
  std::int32_t patience = 5;  ///< patience, plateau: epochs without improvement
  double min_delta = 0;       ///< patience, plateau: what counts as improvement [unit of the metric]
  /// threshold: trials that are worse are stopped [unit of the metric]; NaN: those that are worse by more than
  /// min_delta than the incumbent was at that epoch
  double threshold = 0;
  std::string parameter = "learning_rate";  ///< plateau: what is lowered
  double factor = 0.5;                      ///< plateau: by which
  bool ucb = false;           ///< bandit: by upper confidence bounds, instead of successive rejects
  std::int32_t interval = 0;  ///< pbt: epochs between two comparisons; 0: a tenth of the training
  double quantile = 0.25;     ///< pbt: share of the population that is replaced, and that replaces it
  double resample = 0.25;     ///< pbt: probability that a hyperparameter is drawn anew
  std::vector<std::string> mutate = {};  ///< pbt: which hyperparameters change; empty: all real numbers
  std::string schedule = {};             ///< replay: "EPOCH: NAME=VALUE ...; ...", each after so many epochs
};

/// Names of all schedulers, the first is the default.
const std::vector<std::string>& scheduler_names();

/// What a plugin exports under the name regatta_make_scheduler, with C linkage; the caller owns the
/// scheduler. Built against the headers of the same version of Regatta.
using SchedulerFactory = Scheduler*(const SchedulerOptions& options, const StudyFacts& facts);

/// @throws InvalidInput  unknown algorithm, a plugin that cannot be loaded, options that do not fit together
/// or the study
std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options, const StudyFacts& facts);

}  // namespace regatta::schedule
