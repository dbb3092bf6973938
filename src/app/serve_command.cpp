#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include "commands.hpp"
#include "exit_code.hpp"
#include "regatta/core/json.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"
#include "regatta/run/ask_tell.hpp"
#include "regatta/space/json.hpp"
#include "run_command.hpp"
#include "study_plan.hpp"

namespace regatta::app {
namespace {

using search::Reason;
using search::TrialState;

/// A number as JSON, which has no NaN.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(format_number(value)); }

TrialId trial_of(const Json& request) {
  const auto found = request.find("trial");
  require(found != request.end() && found->is_number_integer(),
          "the request needs \"trial\", the number of a trial");
  const auto value = found->get<std::int64_t>();
  require(value >= 0 && value <= std::numeric_limits<std::int32_t>::max(), "there is no trial ", value);
  return TrialId{static_cast<std::int32_t>(value)};
}

double value_of(const Json& request, const std::string& name) {
  const auto found = request.find(name);
  const auto value = found == request.end() ? std::nullopt : number_in(*found);
  require(value.has_value(), "the request needs \"", name, "\", a number");
  return *value;
}

Reason reason_of(const std::string& name) {
  std::vector<std::string> names;
  for (int i = 0; i < search::reason_count; ++i) names.emplace_back(name_of(static_cast<Reason>(i)));
  const auto found = std::ranges::find(names, name);
  require(found != names.end(), "reason must be one of ", join(names, ", "), ", got '", name, "'",
          suggestion(name, names));
  return static_cast<Reason>(found - names.begin());
}

/// Answers requests about one study.
class Service {
 public:
  explicit Service(const run::StudyPlan& plan) : study_(plan), metrics_(plan.header.metrics) {}

  /// @throws InvalidInput  the request cannot be answered
  Json answer(const Json& request) {
    require(request.is_object(), "a request is a JSON object on a line of its own");
    static const std::vector<std::string> names{"ask", "report", "tell", "best", "status"};
    const std::string name = request.value("op", Json("")).is_string() ? request.value("op", "") : "";
    if (name == "ask") return ask();
    if (name == "report") return report(request);
    if (name == "tell") return tell(request);
    if (name == "best") return best();
    if (name == "status") return status();
    throw InvalidInput(
        concat("\"op\" must be one of ", join(names, ", "), ", got '", name, "'", suggestion(name, names)));
  }

  run::Study& study() { return study_; }

 private:
  Json ask() {
    const auto asked = study_.ask();
    if (!asked) return {{"trial", nullptr}, {"over", study_.over()}, {"reason", study_.reason()}};
    Json answer{{"trial", asked->trial.value},
                {"attempt", asked->attempt},
                {"seed", portable_seed(asked->seed)},
                {"config", space::to_json(study_.space(), asked->config)}};
    if (asked->weights.valid()) answer["weights"] = asked->weights.value;
    return answer;
  }

  Json report(const Json& request) {
    const TrialId trial = trial_of(request);
    const double epoch = value_of(request, "epoch");
    require(epoch >= 1 && epoch < 2e9 && epoch == std::floor(epoch), "\"epoch\" counts from 1, got ", epoch);
    std::vector<double> metrics;
    for (const std::string& name : metrics_)
      metrics.push_back(request.contains(name) ? value_of(request, name) : search::not_a_number);
    return state(trial,
                 study_.report(trial, static_cast<std::int32_t>(epoch), value_of(request, "value"), metrics));
  }

  Json tell(const Json& request) {
    const TrialId trial = trial_of(request);
    if (request.contains("failed")) {
      require(request["failed"].is_string(), "\"failed\" says why, as a text");
      study_.fail(trial, request["failed"].get<std::string>(), reason_of(request.value("reason", "crash")));
    } else {
      const double error =
          request.contains("standard_error") ? value_of(request, "standard_error") : search::not_a_number;
      study_.tell(trial, value_of(request, "value"), error);
    }
    return state(trial, study_.history()[trial].state);
  }

  static Json state(TrialId trial, TrialState state) {
    return {{"trial", trial.value}, {"state", name_of(state)}};
  }

  Json best() const {
    const auto incumbent = study_.history().incumbent();
    if (!incumbent) return {{"trial", nullptr}};
    const search::Trial& trial = study_.history()[*incumbent];
    return {{"trial", trial.id.value},
            {"value", number(trial.objective)},
            {"config", space::to_json(study_.space(), trial.config)}};
  }

  Json status() const {
    Json json{{"trials", study_.history().trials().size()}};
    for (int i = 0; i < search::trial_state_count; ++i)
      json[std::string(name_of(static_cast<TrialState>(i)))] =
          study_.history().count(static_cast<TrialState>(i));
    json["over"] = study_.over();
    json["reason"] = study_.reason();
    return json;
  }

  run::Study study_;
  std::vector<std::string> metrics_;
};

Json answer_to(Service& service, const std::string& line) {
  try {
    return service.answer(parse_json(line));
  } catch (const InvalidInput& error) {
    return {{"error", error.what()}};
  } catch (const Json::exception& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace

std::string serve_help() {
  return R"(
A request and its answer are a line of JSON each. Requests:

  {"op": "ask"}                                     {"trial": 0, "attempt": 1, "seed": 5, "config": {"x": 0.5}}
                                                    or {"trial": null, "over": true, "reason": "budget spent"};
                                                    with "weights": N: goes on from what trial N had at its last pause
  {"op": "report", "trial": 0, "epoch": 1, "value": 0.7}
                                                    {"trial": 0, "state": "running"}: it goes on; else it has ended
  {"op": "tell", "trial": 0, "value": 0.4}          {"trial": 0, "state": "completed"}
  {"op": "tell", "trial": 0, "failed": "why", "reason": "oom"}
  {"op": "best"}                                    {"trial": 0, "value": 0.4, "config": {"x": 0.5}}
  {"op": "status"}                                  {"trials": 1, "running": 0, "completed": 1, ...}

What cannot be answered gives {"error": "..."}. The input file says objective.type = external. The end of the
input ends the study; trials that were not told are asked for again after `regatta serve DIR --resume`.
)";
}

int serve_command(const Arguments& arguments) {
  const bool resume = arguments.option("resume") == "true";
  const StudyInputs inputs =
      resume ? resumed_inputs(arguments) : read_inputs(arguments.operands.front(), arguments.overrides);
  run::StudyPlan plan = make_plan(inputs, arguments, {"none"}, nullptr);
  plan.resume = resume;
  Service service(plan);
  for (std::string line; std::getline(std::cin, line);)
    if (!trim(line).empty()) std::cout << line_of(answer_to(service, line)) << std::endl;
  service.study().close();
  return finished;
}

}  // namespace regatta::app
