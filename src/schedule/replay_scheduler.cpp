#include "replay_scheduler.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::schedule {
namespace {

double entry_of(const space::Parameter& parameter, const std::string& text) {
  if (parameter.categorical()) {
    const auto found = std::ranges::find(parameter.categories, text, space::to_text);
    require(found != parameter.categories.end(), "schedule: '", parameter.name, "' = ", text,
            " is not one of ", parameter.definition);
    return static_cast<double>(found - parameter.categories.begin());
  }
  const auto number = parse_number(text);
  require(number && parameter.contains(*number), "schedule: '", parameter.name, "' = ", text,
          " lies outside ", parameter.definition);
  return *number;
}

}  // namespace

ReplayScheduler::ReplayScheduler(const SchedulerOptions& options, const StudyFacts& facts)
    : space_(facts.space) {
  const std::vector<std::string> parts = split(options.schedule, ';');
  require(!parts.empty(), "scheduler replay needs a schedule, as 'EPOCH: NAME=VALUE ...; EPOCH: ...'");
  for (const std::string& part : parts) {
    const std::size_t colon = part.find(':');
    const auto epoch = parse_integer(trim(part.substr(0, colon)));
    require(colon != std::string::npos && epoch && *epoch > 0,
            "schedule: expected 'EPOCH: NAME=VALUE ...', got '", part, "'");
    Values& values = changes_[static_cast<std::int32_t>(*epoch)];
    for (const std::string& word : split(part.substr(colon + 1), ' ')) {
      if (word.empty()) continue;
      const std::size_t equals = word.find('=');
      const std::string name = word.substr(0, equals);
      const auto index = space_.index_of(name);
      require(equals != std::string::npos && index,
              "schedule: expected NAME=VALUE with a name of [space], got '", word, "'");
      values.emplace_back(*index, entry_of(space_.parameters()[*index], word.substr(equals + 1)));
    }
  }
}

std::int32_t ReplayScheduler::until_epoch(const search::History&, const search::Trial& trial) {
  const auto next = changes_.upper_bound(trial.epochs);
  return next == changes_.end() ? 0 : next->first;
}

Decision ReplayScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  if (!std::isfinite(report.value)) return {Answer::Stop};
  const auto found = changes_.find(report.epoch);
  if (found == changes_.end()) return {};
  search::Config config = history[report.trial].config;
  for (const auto& [index, entry] : found->second) config[index] = entry;
  space_.deactivate(config);
  if (!space_.feasible(config)) return {Answer::Stop};
  return {Answer::Change, std::move(config)};
}

}  // namespace regatta::schedule
