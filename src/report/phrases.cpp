#include "phrases.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::report {
namespace {

std::string reasons_text(const search::History& history) {
  std::array<std::size_t, search::reason_count> counts{};
  for (const search::Trial& trial : history.trials())
    if (trial.state == search::TrialState::Failed) ++counts[static_cast<std::size_t>(trial.reason)];
  std::vector<std::string> parts;
  for (std::size_t code = 0; code < counts.size(); ++code)
    if (counts[code] > 0)
      parts.push_back(concat(counts[code], " ", name_of(static_cast<search::Reason>(code))));
  return join(parts, ", ");
}

}  // namespace

std::string score_text(const search::Trial& trial) {
  const std::string score = format_short(trial.objective);
  return std::isnan(trial.standard_error) ? score : score + " +- " + format_short(trial.standard_error, 2);
}

std::string effort_text(const search::Trial& trial) {
  return concat(trial.epochs, trial.epochs == 1 ? " epoch in " : " epochs in ",
                format_duration(trial.seconds));
}

std::string counts_text(const search::History& history) {
  std::vector<std::string> parts;
  for (int code = 0; code < search::trial_state_count; ++code) {
    const auto state = static_cast<search::TrialState>(code);
    if (history.count(state) == 0) continue;
    std::string part = concat(history.count(state), " ", name_of(state));
    if (state == search::TrialState::Failed) part += " (" + reasons_text(history) + ")";
    parts.push_back(part);
  }
  return concat(history.trials().size(), parts.empty() ? "" : ": ", join(parts, ", "));
}

std::string rank_text(const log::Study& study, const log::WorkerRow& worker) {
  if (worker.joined.rank < 0) return "-";
  const std::string rank = std::to_string(worker.joined.rank);
  return study.lanes > 1 ? concat(rank, " lane ", worker.lane) : rank;
}

std::string percent(double share) {
  if (std::isnan(share)) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}

std::string directory_text(const log::Study& study) {
  return study.directory.empty() ? "DIR" : shell_word(study.directory.string());
}

std::string shell_word(const std::string& text) {
  const char* const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace regatta::report
