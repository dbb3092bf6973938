#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "regatta/comm/session.hpp"
#include "regatta/log/run_log.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/process/launcher.hpp"
#include "regatta/run/checkpoint.hpp"
#include "regatta/run/controller.hpp"
#include "regatta/run/layout.hpp"
#include "regatta/schedule/scheduler.hpp"
#include "regatta/search/searcher.hpp"

namespace regatta::run {

/// Everything that a job needs to know of a study.
struct StudyPlan {
  search::StudyHeader header;
  space::Space space;
  objective::ObjectiveOptions objective;
  search::SearcherOptions searcher;
  schedule::SchedulerOptions scheduler;
  std::int32_t epochs = 1;  ///< of a full training
  CheckpointOptions checkpoints;
  LayoutOptions layout;
  log::RunLogOptions log;
  process::Launcher* launcher = nullptr;  ///< of this rank; null: objectives that run programs cannot be used
  ControllerOptions controller;
  std::vector<search::Config> user_trials;
  search::JobStarted job;      ///< time is filled in
  bool resume = false;         ///< go on with the run in log.directory
  bool deterministic = false;  ///< no proposals made ahead
  int ahead = 0;               ///< proposals made ahead; 0: by the number of workers
  double time_limit = 10;      ///< of one proposal, before a free slot gets a cheaper one [s]
  double deadline = 0;         ///< [s since the epoch]; 0: none
  double incumbent_interval = 1;  ///< least time between two words to all ranks about a new best trial [s]
  bool show_incumbent = false;    ///< each rank writes a line to stderr when it is told
};

/// What the scheduler may know of the study.
inline schedule::StudyFacts facts_of(const StudyPlan& plan) {
  return {plan.epochs, plan.controller.trials, plan.controller.seed, plan.space};
}

/// What the job looks like, for the banner.
struct JobFacts {
  std::vector<RankInfo> ranks;
  Layout layout;
  std::optional<search::Note> lanes;  ///< of the key log::Study::lanes_note, where their number is left open
  std::string mpi_library;   ///< empty without MPI
  std::string thread_level;
};

/// Told to people; all calls come from rank 0's main thread.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void started(const JobFacts&) {}
  virtual void trial_ended(const search::History&, const search::Trial&) {}
  virtual void message(const std::string&) {}
  /// About five times a second.
  virtual void tick(const search::History&, double /*now*/) {}
};

struct StudyOutcome {
  bool interrupted = false;
  std::string reason;
  std::size_t succeeded = 0;  ///< trials with a result
};

/// One start of a study on all ranks of a session (null: this process alone).
class Job {
 public:
  /// Finds out who is there, lays out the roles and opens the run directory. Collective.
  /// @throws InvalidInput, Unavailable  on all ranks alike, before anything has started
  Job(const StudyPlan& plan, comm::Session* session);
  ~Job();

  const JobFacts& facts() const;
  /// Runs the study to its end. Collective; signals USR1, USR2, TERM and INT end it early with all state saved.
  /// @return on rank 0 the outcome; on other ranks nothing of interest
  /// @throws what went wrong outside a trial, on the rank where it did: the caller then has to end the others
  StudyOutcome run(Observer& observer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace regatta::run
