#pragma once

#include <optional>
#include <string>

#include "regatta/core/clock.hpp"
#include "regatta/run/study.hpp"
#include "study_inputs.hpp"

namespace regatta::app {

/// What a run shows on standard output: a live line on a terminal, plain lines now and then in a batch log, a line for
/// each of the first failed trials, and for every trial at verbosity 2.
class Console final : public run::Observer {
 public:
  Console(const run::StudyPlan& plan, const StudyInputs& inputs);

  /// At verbosity 1 and above.
  void say(const std::string& text);
  void trial_ended(const search::History& history, const search::Trial& trial) override;
  void message(const std::string& text) override;
  void tick(const search::History& history, double now) override;
  void summarise();

 private:
  void erase_live_line();

  const run::StudyPlan& plan_;
  int verbosity_;
  bool live_;
  bool live_line_shown_ = false;
  int failures_ = 0;  ///< shown so far
  Stopwatch clock_;
  std::optional<std::size_t> done_before_;  ///< trials that earlier jobs have ended
  double next_line_ = 5;  ///< [s] of the next line in a batch log
};

}  // namespace regatta::app
