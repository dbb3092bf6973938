#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "regatta/run/study.hpp"

namespace regatta::run {

/// A trial for whoever has asked for one.
struct Asked {
  TrialId trial;
  std::int32_t attempt = 1;
  TrialId weights = {};  ///< the trial from whose last state it goes on; none: from the beginning
  std::uint64_t seed = 0;
  search::Config config;
  std::map<std::string, space::Value> values;  ///< active parameters of the Config by name
};

/// A study whose trials are run by the caller: the controller with its searcher and scheduler, without
/// workers, MPI and threads of trials. Any number of trials may be asked for before the first is told. One
/// object belongs to one thread.
class Study {
 public:
  /// @param plan  what counts: space, searcher, scheduler, controller (budget, seed, direction), user_trials;
  /// and, where
  ///              log.directory is not empty, header, log and resume for a run directory
  /// @throws InvalidInput, Unavailable  as log::RunLog::create and resume
  explicit Study(const StudyPlan& plan);
  Study(const Study&) = delete;
  Study& operator=(const Study&) = delete;
  ~Study();  ///< closes, but says nothing of an error

  /// Ends the study: closes the run directory; trials that were not told are queued again for a later start.
  /// @throws SystemFailure  something could not be written
  void close();

  const space::Space& space() const;
  const search::History& history() const;

  /// The next trial; none when nothing is to be started now: the study is over(), or has to wait for results.
  std::optional<Asked> ask();
  /// What a trial has reached after epoch `epoch` (from 1).
  /// @param metrics  further ones, in the order of StudyHeader::metrics
  /// @return Running: it goes on; Stopped, Paused or Failed (the value is not finite): it has ended with that
  /// @throws InvalidInput  the trial is not running, or the epoch is not later than the last one
  search::TrialState report(TrialId trial, std::int32_t epoch, double value,
                            std::vector<double> metrics = {});
  /// The trial is done.
  /// @throws InvalidInput  the trial is not running
  void tell(TrialId trial, double value, double standard_error = search::not_a_number);
  /// The trial has failed.
  /// @throws InvalidInput  the trial is not running
  void fail(TrialId trial, const std::string& message, search::Reason reason = search::Reason::Crash);

  /// Nothing more will be started, and nothing is missing.
  bool over() const;
  /// Why; empty while the study goes on.
  const std::string& reason() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace regatta::run

namespace regatta {

using run::Study;

}  // namespace regatta
