#include "space_reader.hpp"

#include <algorithm>

#include "definition.hpp"
#include "regatta/core/text.hpp"
#include "token.hpp"

namespace regatta::space {

Model SpaceReader::read(std::span<const Definition> parameters, std::span<const Definition> constraints) {
  const std::size_t known_problems = problems_.size();
  for (const Definition& definition : parameters) read_parameter(definition);
  model_.conditions.resize(model_.parameters.size());
  for (std::size_t i = 0; i < model_.parameters.size(); ++i) compile_condition(i);
  for (const Definition& definition : constraints) read_constraint(definition);
  if (problems_.size() > known_problems) return std::move(model_);
  model_.cardinality = count_configurations(model_);
  check_satisfiable(model_, problems_);
  return std::move(model_);
}

/// A faulty definition keeps its name and place, so that what reads it is not reported as well.
void SpaceReader::read_parameter(const Definition& definition) {
  if (!accept_name(definition, model_.definitions, "parameter")) return;
  ParsedDefinition parsed;
  parsed.parameter.name = definition.name;
  bool faulty = true;
  try {
    parsed = parse_definition(definition.name, definition.text);
    faulty = false;
  } catch (const InvalidInput& error) {
    report(definition, error.what());
  }
  model_.places.emplace(definition.name, model_.parameters.size());
  model_.parameters.push_back(std::move(parsed.parameter));
  model_.definitions.push_back(definition);
  faulty_.push_back(faulty);
  condition_offsets_.push_back(parsed.condition_offset.value_or(0));
}

void SpaceReader::compile_condition(std::size_t index) {
  if (condition_offsets_[index] == 0) return;
  const Definition& definition = model_.definitions[index];
  try {
    model_.conditions[index] =
        compile(definition.text, condition_offsets_[index], {model_.parameters, faulty_, index});
  } catch (const InvalidInput& error) {
    report(definition, error.what());
  } catch (const UnreadableParameter& unreadable) {
    report_unreadable(index, unreadable.parameter);
  }
}

void SpaceReader::read_constraint(const Definition& definition) {
  if (!accept_name(definition, model_.constraint_definitions, "constraint")) return;
  try {
    model_.constraints.push_back(
        compile(definition.text, 0, {model_.parameters, faulty_, model_.parameters.size()}));
    model_.constraint_definitions.push_back(definition);
  } catch (const InvalidInput& error) {
    report(definition, error.what());
  } catch (const UnreadableParameter&) {
    return;  // faulty, and reported where it is defined
  }
}

bool SpaceReader::accept_name(const Definition& definition, std::span<const Definition> earlier,
                              std::string_view what) {
  const std::string violation = name_violation(definition.name);
  if (!violation.empty()) {
    problems_.push_back({definition.where, violation});
    return false;
  }
  const auto twin = std::ranges::find(earlier, definition.name, &Definition::name);
  if (twin == earlier.end()) return true;
  problems_.push_back({definition.where, concat("the ", what, " '", definition.name,
                                                "' is defined twice, first at ", twin->where.text())});
  return false;
}

void SpaceReader::report_unreadable(std::size_t reader, std::size_t read) {
  if (faulty_[read]) return;
  const Definition& definition = model_.definitions[reader];
  const std::string& name = model_.parameters[read].name;
  if (read == reader) return report(definition, "the condition reads the parameter itself: a cycle");
  std::set<std::size_t> seen;
  const std::vector<std::size_t> back = path(read, reader, seen);
  if (back.empty())
    return report(definition, concat("the condition reads '", name, "', which is defined later (",
                                     model_.definitions[read].where.text(),
                                     "); conditions may read earlier parameters only"));
  std::string cycle = definition.name;
  for (const std::size_t place : back) cycle += " -> " + model_.parameters[place].name;
  report(definition, "the conditions form a cycle: " + cycle);
}

/// Places from `from` to `to` along "the condition of a names b"; empty when there is no way.
std::vector<std::size_t> SpaceReader::path(std::size_t from, std::size_t to,
                                           std::set<std::size_t>& seen) const {
  if (from == to) return {to};
  if (!seen.insert(from).second || condition_offsets_[from] == 0) return {};
  std::vector<Token> tokens;
  try {
    tokens = tokenize(model_.definitions[from].text, condition_offsets_[from]);
  } catch (const InvalidInput&) {
    return {};  // reported when this condition is compiled
  }
  for (const Token& token : tokens) {
    const auto named = model_.places.find(token.text);
    if (token.type != Token::Type::Word || named == model_.places.end()) continue;
    std::vector<std::size_t> rest = path(named->second, to, seen);
    if (rest.empty()) continue;
    rest.insert(rest.begin(), from);
    return rest;
  }
  return {};
}

void SpaceReader::report(const Definition& definition, const std::string& sentence) {
  problems_.push_back({definition.where, "'" + definition.name + "': " + sentence});
}

}  // namespace regatta::space
