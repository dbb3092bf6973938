#include "regatta/report/progress.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "phrases.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::report {

using search::TrialState;

Progress progress_of(const search::History& history, std::int64_t budget, double seconds,
                     std::size_t done_before) {
  Progress progress;
  progress.running = history.count(TrialState::Running);
  progress.failed = history.count(TrialState::Failed);
  for (const TrialState state :
       {TrialState::Completed, TrialState::Stopped, TrialState::Failed, TrialState::Cancelled})
    progress.done += history.count(state);
  progress.budget = budget;
  progress.best = history.incumbent();
  if (progress.best) progress.best_objective = history[*progress.best].objective;
  const auto done_now = static_cast<double>(progress.done - std::min(done_before, progress.done));
  progress.trials_per_minute = seconds > 0 ? 60 * done_now / seconds : 0;
  const double left = static_cast<double>(budget) - static_cast<double>(progress.done);
  if (budget > 0 && done_now > 0 && seconds > 0) progress.eta = std::max(0.0, left) * seconds / done_now;
  return progress;
}

std::string progress_line(const Progress& progress) {
  std::string line = std::to_string(progress.done);
  if (progress.budget > 0) line += "/" + std::to_string(progress.budget);
  line += concat(" done, ", progress.running, " running");
  if (progress.failed > 0) line += concat(", ", progress.failed, " failed");
  if (progress.best)
    line += concat(" | best ", format_short(progress.best_objective), " (trial ", progress.best->value, ")");
  if (progress.trials_per_minute > 0)
    line += concat(" | ", format_short(progress.trials_per_minute, 3), " trials/min");
  if (!std::isnan(progress.eta)) line += " | ETA " + format_duration(progress.eta);
  return line;
}

std::string trial_line(const search::StudyHeader& header, const space::Space& space,
                       const search::History& history, const search::Trial& trial) {
  std::string line =
      concat("[", iso_time(trial.t_end), "] trial ", trial.id.value, " ", name_of(trial.state));
  if (trial.reason != search::Reason::None) line += concat(" (", name_of(trial.reason), ")");
  if (search::succeeded(trial.state))
    line += ": " + header.metric + " = " + score_text(trial);
  else if (!trial.message.empty())
    line += ": " + trial.message.substr(0, trial.message.find('\n'));
  line += ", " + (trial.epochs > 0 ? effort_text(trial) : "in " + format_duration(trial.seconds));
  line += ", " + space.text(trial.config);
  const auto best = history.incumbent();
  if (best) line += concat("; best is trial ", best->value, " with ", format_short(history[*best].objective));
  return line;
}

std::string failure_lines(const search::Trial& trial) {
  std::string text;
  std::istringstream message(trial.message);
  std::string line;
  for (std::getline(message, line); std::getline(message, line);) text += "    " + line + "\n";
  return text;
}

}  // namespace regatta::report
