#include "regatta/report/best.hpp"

#include <cmath>
#include <sstream>
#include <variant>

#include "lineage.hpp"
#include "phrases.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/space/json.hpp"

namespace regatta::report {
namespace {

using search::Trial;

const Trial& best_of(const log::Study& study) {
  const auto incumbent = study.history.incumbent();
  require(incumbent.has_value(), "no trial of '", study.header.name,
          "' has succeeded yet: ", counts_text(study.history));
  return study.history[*incumbent];
}

/// Calls `each(name, value)` for every active parameter.
template <class Each>
void for_active(const log::Study& study, const Trial& trial, const Each& each) {
  for (std::size_t i = 0; i < study.space.size(); ++i)
    if (!std::isnan(trial.config[i]))
      each(study.space.parameters()[i].name, study.space.value(trial.config, i));
}

std::string literal(const space::Value& value) {
  const auto* word = std::get_if<std::string>(&value);
  if (!word) return space::to_text(value);
  const char quote = word->find('"') == std::string::npos ? '"' : '\'';
  return quote + *word + quote;
}

std::string constants(const log::Study& study, const Trial& trial) {
  std::string text = "[space]\n";
  for_active(study, trial, [&](const std::string& name, const space::Value& value) {
    text += name + " = constant(" + literal(value) + ")\n";
  });
  return text;
}

std::string key_of(std::string_view line) { return std::string(trim(line.substr(0, line.find('=')))); }

std::string section_of(std::string_view line) {
  const std::string_view text = trim(line);
  return std::string(trim(text.substr(1, text.find(']') - 1)));
}

/// The space as it was, since hyperparameters vary, the configuration that the training began with, and what
/// they became.
std::string schedule_text(const log::Study& study, const std::vector<Stretch>& stretches) {
  std::string text = "[space]\n", changes;
  for (const auto& [name, definition] : study.header.space) text += name + " = " + definition + "\n";
  if (!study.header.constraints.empty()) text += "[constraints]\n";
  for (const auto& [name, rule] : study.header.constraints) text += name + " = " + rule + "\n";
  text += "[trial]\n";
  const search::Config* before = nullptr;
  for (const Stretch& stretch : stretches) {
    std::string differences;
    for (std::size_t i = 0; i < study.space.size(); ++i) {
      const double entry = stretch.config[i];
      if (std::isnan(entry) || (before && entry == (*before)[i])) continue;
      const space::Value value = study.space.value(stretch.config, i);
      const std::string& name = study.space.parameters()[i].name;
      if (before)
        differences += concat(" ", name, "=", space::to_text(value));
      else
        text += name + " = " + literal(value) + "\n";
    }
    if (!differences.empty()) changes += concat(changes.empty() ? "" : "; ", stretch.after, ":", differences);
    before = &stretch.config;
  }
  return text + "[scheduler]\nalgorithm = replay\nschedule = " + changes + "\n";
}

/// The inputs in force, line by line, as an input file for this one trial.
std::string inputs_for(const log::Study& study, bool with_scheduler) {
  std::istringstream lines(study.header.used_inputs);
  std::string result;
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    const bool opens_section = trim(line).starts_with('[');
    if (opens_section) section = section_of(line);
    if (section == "space" || section == "constraints" || section == "trial") continue;
    if (section == "scheduler" && !with_scheduler) continue;
    const std::string key = section + "." + key_of(line);
    if (key == "study.trials") line = "trials = 1";
    if (key == "study.initial") continue;
    if (key == "log.directory") line = "directory = " + study.directory.string() + "-best";
    result += line + "\n";
  }
  return result;
}

std::string ini_text(const log::Study& study, const Trial& trial) {
  const std::vector<Stretch> stretches = lineage(study, trial.id);
  const bool scheduled = stretches.size() > 1;
  std::ostringstream text;
  text << "# Trial " << trial.id.value << " of study '" << study.header.name
       << "', the best: " << study.header.metric << " = " << score_text(trial) << ".\n"
       << "# It took " << effort_text(trial) << " with seed " << trial.seed << ", ended "
       << iso_time(trial.t_end) << ", run " << study.header.run_uuid << ".\n"
       << "# To train it again: regatta run THIS_FILE\n\n"
       << inputs_for(study, !scheduled) << "\n"
       << (scheduled ? schedule_text(study, stretches) : constants(study, trial));
  return text.str();
}

std::string json_text(const log::Study& study, const Trial& trial) {
  Json json;
  json["study"] = study.header.name;
  json["run_uuid"] = study.header.run_uuid;
  json["trial"] = trial.id.value;
  json["metric"] = study.header.metric;
  json["direction"] = study.header.maximize ? "maximize" : "minimize";
  json["objective"] = trial.objective;
  json["standard_error"] = trial.standard_error;
  json["epochs"] = trial.epochs;
  json["seed"] = trial.seed;
  json["parameters"] = space::to_json(study.space, trial.config);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string shell_text(const log::Study& study, const Trial& trial) {
  std::string text;
  for_active(study, trial, [&](const std::string& name, const space::Value& value) {
    text += "export REGATTA_PARAM_" + name + "=" + shell_word(space::to_text(value)) + "\n";
  });
  return text;
}

}  // namespace

std::string best_text(const log::Study& study, BestFormat format) {
  const Trial& trial = best_of(study);
  if (format == BestFormat::Json) return json_text(study, trial);
  if (format == BestFormat::Shell) return shell_text(study, trial);
  return ini_text(study, trial);
}

}  // namespace regatta::report
