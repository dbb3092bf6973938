#include "status_file.hpp"

#include <algorithm>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/json.hpp"
#include "regatta/space/json.hpp"

namespace regatta::log {
namespace {

Json counts(const Study& study) {
  Json result;
  for (int code = 0; code < search::trial_state_count; ++code) {
    const auto state = static_cast<search::TrialState>(code);
    result[std::string(name_of(state))] = study.history.count(state);
  }
  return result;
}

Json best(const Study& study) {
  const auto incumbent = study.history.incumbent();
  if (!incumbent) return nullptr;
  const search::Trial& trial = study.history[*incumbent];
  Json parameters = Json::object();
  for (std::size_t i = 0; i < study.space.size(); ++i)
    parameters[study.space.parameters()[i].name] = space::to_json(study.space.value(trial.config, i));
  return {{"trial", trial.id.value}, {"objective", trial.objective}, {"parameters", parameters}};
}

double trials_per_minute(const Study& study, const RunStatus& status) {
  const auto finished = std::ranges::count_if(
      study.history.trials(), [&](const search::Trial& trial) { return trial.t_end >= status.started; });
  return 60.0 * static_cast<double>(finished) / std::max(1.0, status.updated - status.started);
}

}  // namespace

std::string status_json(const Study& study, const RunStatus& status) {
  const search::StudyHeader& header = study.header;
  Json json;
  json["state"] = name_of(status.state);
  json["reason"] = status.reason;
  json["study"] = header.name;
  json["run_uuid"] = header.run_uuid;
  json["version"] = build_info().version;
  json["host"] = status.host;
  json["pid"] = status.pid;
  json["started"] = iso_time(status.started);
  json["updated"] = iso_time(status.updated);
  json["started_seconds"] = status.started;
  json["updated_seconds"] = status.updated;
  json["deadline"] = nullptr;
  json["metric"] = header.metric;
  json["direction"] = header.maximize ? "maximize" : "minimize";
  json["budget"] = header.trials;
  json["trials"] = counts(study);
  json["trials_per_minute"] = trials_per_minute(study, status);
  json["best"] = best(study);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace regatta::log
