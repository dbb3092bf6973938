#include "console.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "regatta/log/study_reader.hpp"
#include "regatta/report/progress.hpp"
#include "regatta/report/report.hpp"

namespace regatta::app {
namespace {

/// Whether somebody looks at a terminal. Open MPI gives its ranks a terminal of its own making, so there the launcher's
/// standard output is what counts; where it cannot be seen (another node), plain lines are safe.
bool terminal_output(const std::string& launcher) {
  if (::isatty(STDOUT_FILENO) != 1) return false;
  if (launcher == "none") return true;
  std::error_code unreadable;
  const auto target =
      std::filesystem::read_symlink("/proc/" + std::to_string(::getppid()) + "/fd/1", unreadable).string();
  return target.starts_with("/dev/pts/") || target.starts_with("/dev/tty");
}

}  // namespace

Console::Console(const run::StudyPlan& plan, const StudyInputs& inputs)
    : plan_(plan),
      verbosity_(inputs.verbosity),
      live_(inputs.verbosity > 0 && inputs.progress.value_or(terminal_output(plan.job.launcher))) {}

void Console::say(const std::string& text) {
  if (verbosity_ > 0) std::cout << text << std::flush;
}

void Console::trial_ended(const search::History& history, const search::Trial& trial) {
  constexpr int failures_without_being_asked = 3;
  const bool failed = trial.state == search::TrialState::Failed;
  if (verbosity_ < 1 || (verbosity_ < 2 && (!failed || failures_ == failures_without_being_asked))) return;
  erase_live_line();
  std::cout << report::trial_line(plan_.header, plan_.space, history, trial) << '\n';
  if (!failed) return;
  std::cout << report::failure_lines(trial);
  if (++failures_ == failures_without_being_asked && verbosity_ < 2)
    std::cout << "further failures are shown with log.verbosity = 2\n";
}

void Console::message(const std::string& text) {
  erase_live_line();
  std::cout << text << std::endl;
}

void Console::tick(const search::History& history, double) {
  if (verbosity_ == 0) return;
  const double seconds = clock_.seconds();
  if (!done_before_) done_before_ = report::progress_of(history, 0, 1).done;
  if (!live_ && seconds < next_line_) return;
  const std::string line = report::progress_line(report::progress_of(history, plan_.controller.trials, seconds, *done_before_));
  if (live_) {
    std::cout << "\r\033[K" << line << std::flush;
    live_line_shown_ = true;
    return;
  }
  std::cout << line << std::endl;
  next_line_ = seconds + std::min(300.0, std::max(5.0, seconds * 0.1));  // rarer as the run grows longer
}

void Console::summarise() {
  erase_live_line();
  say(report::summary_text(log::read_study(plan_.log.directory)));
}

void Console::erase_live_line() {
  if (live_line_shown_) std::cout << "\r\033[K";
  live_line_shown_ = false;
}

}  // namespace regatta::app
