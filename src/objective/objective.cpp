#include "regatta/objective/objective.hpp"

#include <algorithm>

#include "regatta/core/clock.hpp"
#include "regatta/core/text.hpp"
#include "regatta/objective/command_objective.hpp"
#include "regatta/objective/external_objective.hpp"
#include "regatta/objective/function_objective.hpp"
#include "regatta/objective/network_objective.hpp"
#include "regatta/objective/plugin_objective.hpp"
#include "regatta/objective/table_objective.hpp"
#include "settings.hpp"

namespace regatta::objective {

void Trainable::wait(double seconds) const { sleep_for(seconds); }

namespace {

using Metrics = std::vector<std::pair<std::string, bool>>;

/// One type of objective.
struct Type {
  std::string name;
  const std::vector<Option>& (*options)();
  Metrics (*metrics)(const ObjectiveOptions&);
  void (*check)(const ObjectiveOptions&, const space::Space&, Problems&);
  std::vector<space::Definition> (*default_space)(const ObjectiveOptions&);
  std::unique_ptr<Objective> (*make)(const ObjectiveOptions&, const space::Space&);
};

std::vector<space::Definition> no_space(const ObjectiveOptions&) { return {}; }
Metrics function_metrics(const ObjectiveOptions&) { return {{"value", false}}; }

/// The one list of types; the first is the default.
const std::vector<Type>& types() {
  static const std::vector<Type> all = {
      {"network", network_options, network_metrics, check_network, no_space, make_network_objective},
      {"function", function_options, function_metrics, check_function, function_space,
       make_function_objective},
      {"command", command_options, command_metrics, check_command, no_space, make_command_objective},
      {"external", external_options, command_metrics, check_external, no_space, make_external_objective},
      {"plugin", plugin_options, command_metrics, check_plugin, no_space, make_plugin_objective},
      {"table", table_options, table_metrics, check_table, table_space, make_table_objective},
  };
  return all;
}

const Type& type_named(const std::string& name) {
  const auto found = std::ranges::find(types(), name, &Type::name);
  require(found != types().end(), "there is no objective of type '", name, "'",
          suggestion(name, objective_names()));
  return *found;
}

}  // namespace

void Trainable::load(std::span<const std::byte>) {
  throw InvalidInput("this objective cannot take over what another trial has saved");
}

const std::vector<std::string>& objective_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Type& type : types()) all.push_back(type.name);
    return all;
  }();
  return names;
}

const std::vector<Option>& objective_options(const std::string& type) { return type_named(type).options(); }

std::vector<std::pair<std::string, bool>> objective_metrics(const ObjectiveOptions& options) {
  return type_named(options.type).metrics(options);
}

void check_objective(const ObjectiveOptions& options, const space::Space& space, Problems& problems) {
  if (std::ranges::find(objective_names(), options.type) == objective_names().end()) {
    problems.push_back(
        {location_of(options, "type"), concat("there is no objective of type '", options.type, "'",
                                              suggestion(options.type, objective_names()))});
    return;
  }
  const std::size_t before = problems.size();
  check_options(objective_options(options.type), options, problems);
  if (problems.size() == before) type_named(options.type).check(options, space, problems);
}

std::vector<space::Definition> default_space(const ObjectiveOptions& options) {
  return type_named(options.type).default_space(options);
}

std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options, const space::Space& space) {
  Problems problems;
  check_objective(options, space, problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  return type_named(options.type).make(options, space);
}

}  // namespace regatta::objective
