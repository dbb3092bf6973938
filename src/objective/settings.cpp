#include "settings.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/text.hpp"

namespace regatta::objective {
namespace {

const Option& option_named(const std::vector<Option>& table, const std::string& name) {
  const Option* option = find_option(table, name);
  require(option, "there is no option '", name, "'");
  return *option;
}

bool takes_numbers(const Option& option) {
  return option.type == OptionType::Integer || option.type == OptionType::Number;
}

/// Values that stand for all that a parameter can be: its categories, or the ends of its range.
std::vector<std::string> extremes(const space::Parameter& parameter) {
  std::vector<std::string> texts;
  for (const space::Value& value : parameter.categories) texts.push_back(space::to_text(value));
  const bool unbounded = parameter.kind == space::Kind::Normal || parameter.kind == space::Kind::LogNormal;
  if (!parameter.categorical() && !unbounded)
    texts = {format_number(parameter.low), format_number(parameter.high)};
  return texts;
}

/// Why a whole number cannot come from this parameter, or an empty text.
std::string fraction_problem(const Option& option, const space::Parameter& parameter) {
  if (option.type != OptionType::Integer || parameter.discrete()) return "";
  return concat(option.name, " must be a whole number, but ", parameter.definition,
                " gives others; write int(", format_number(std::ceil(parameter.low)), ", ",
                format_number(std::floor(parameter.high)), ")");
}

std::string space_problem(const Option& option, const space::Parameter& parameter) {
  if (!parameter.categorical() && !takes_numbers(option))
    return concat(option.name, " takes words, but ", parameter.definition, " gives numbers; write choice(",
                  option.words.empty() ? "true, false" : join(option.words, ", "), ")");
  if (const std::string problem = fraction_problem(option, parameter); !problem.empty()) return problem;
  for (const std::string& text : extremes(parameter))
    if (const std::string problem = violation(option, text); !problem.empty()) return problem;
  return "";
}

Location location_of(const space::Space& space, const std::string& parameter) {
  const auto found = std::ranges::find(space.definitions(), parameter, &space::Definition::name);
  return found == space.definitions().end() ? Location{"[space]", 0} : found->where;
}

}  // namespace

double Values::number(const std::string& name) const {
  return number_of(option_named(*table_, name), text(name));
}

bool Values::flag(const std::string& name) const { return parse_bool(text(name)).value_or(false); }

Settings::Settings(const std::vector<Option>& table, const ObjectiveOptions& options,
                   const space::Space& space)
    : table_(&table), space_(space) {
  for (const Option& option : table) {
    const auto given = options.values.find(option.name);
    texts_[option.name] = given == options.values.end() ? option.fallback : given->second;
  }
}

Values Settings::at(const space::Config& config) const {
  std::map<std::string, std::string> texts = texts_;
  for (std::size_t i = 0; i < space_.size(); ++i) {
    const std::string& name = space_.parameters()[i].name;
    const Option* option = find_option(*table_, name);
    if (!option || std::isnan(config.at(i))) continue;
    const std::string text = space::to_text(space_.value(config, i));
    if (const std::string problem = violation(*option, text); !problem.empty())
      throw TrialFailure(FailureKind::Invalid, problem);
    texts[name] = text;
  }
  return {*table_, std::move(texts)};
}

Location location_of(const ObjectiveOptions& options, const std::string& name) {
  if (const auto found = options.where.find(name); found != options.where.end()) return found->second;
  if (!options.where.empty()) return {options.where.begin()->second.file, 0};
  return {"[objective]", 0};
}

void check_options(const std::vector<Option>& table, const ObjectiveOptions& options, Problems& problems) {
  for (const auto& [name, text] : options.values) {
    const Option* option = find_option(table, name);
    const std::string problem = option ? violation(*option, text)
                                       : concat("objective.", name, " is no option of type ", options.type,
                                                suggestion(name, names_of(table)));
    if (!problem.empty()) problems.push_back({location_of(options, name), problem});
  }
}

void check_space(const std::vector<Option>& table, const std::vector<std::string>& study,
                 const space::Space& space, Problems& problems) {
  for (const space::Parameter& parameter : space.parameters()) {
    if (parameter.name == width_parameter) continue;
    const Option* option = find_option(table, parameter.name);
    std::string problem;
    if (!option)
      problem = concat("the objective has no option '", parameter.name, "'",
                       suggestion(parameter.name, names_of(table)));
    else if (std::ranges::find(study, parameter.name) != study.end())
      problem = concat("'", parameter.name,
                       "' holds for the whole study: it may stand in [objective], not in [space]");
    else
      problem = space_problem(*option, parameter);
    if (!problem.empty()) problems.push_back({location_of(space, parameter.name), problem});
  }
}

std::vector<std::string> possible_texts(const std::vector<Option>& table, const ObjectiveOptions& options,
                                        const space::Space& space, const std::string& name) {
  std::vector<std::string> texts;
  const auto index = space.index_of(name);
  if (index) texts = extremes(space.parameters()[*index]);
  const bool always_set = index && space.parameters()[*index].condition.empty();
  if (!always_set) texts.push_back(Settings(table, options, space).fixed().text(name));
  return texts;
}

}  // namespace regatta::objective
