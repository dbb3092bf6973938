#include "regatta/space/space.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "definition.hpp"
#include "model.hpp"
#include "regatta/core/text.hpp"
#include "space_reader.hpp"

namespace regatta::space {
namespace {

constexpr double inactive = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

/// Why `entry` cannot stand for `parameter`, or empty.
std::string entry_violation(const Parameter& parameter, bool active, double entry) {
  if (std::isnan(entry)) {
    if (!active) return {};
    const std::string reason =
        parameter.condition.empty() ? "" : ", although '" + parameter.condition + "' holds";
    return "'" + parameter.name + "' has no value" + reason;
  }
  if (!active)
    return "'" + parameter.name + "' has a value, although its condition '" + parameter.condition +
           "' does not hold";
  if (parameter.contains(entry)) return {};
  return "'" + parameter.name + "' = " + format_number(entry) + " lies outside " + parameter.definition;
}

}  // namespace

struct Space::Content : Model {};

Space::Space() {
  static const auto nothing = std::make_shared<const Content>();
  content_ = nothing;
}

Space Space::parse(std::span<const Definition> parameters, std::span<const Definition> constraints,
                   Problems& problems) {
  Space space;
  space.content_ =
      std::make_shared<const Content>(Content{SpaceReader(problems).read(parameters, constraints)});
  return space;
}

const std::vector<Parameter>& Space::parameters() const { return content_->parameters; }

std::optional<std::size_t> Space::index_of(std::string_view name) const {
  const auto found = content_->places.find(name);
  return found == content_->places.end() ? std::nullopt : std::optional(found->second);
}

std::optional<double> Space::cardinality() const { return content_->cardinality; }

Config Space::decode(std::span<const double> unit) const {
  require(unit.size() == size(), "a point of this space has ", size(), " coordinates, got ", unit.size());
  Config config(size(), inactive);
  for (std::size_t i = 0; i < size(); ++i)
    if (content_->active(i, config)) config[i] = content_->parameters[i].decode(unit[i]);
  return config;
}

UnitPoint Space::encode(std::span<const double> config) const {
  require(config.size() == size(), "a configuration of this space has ", size(), " entries, got ",
          config.size());
  UnitPoint unit(size(), 0.5);
  for (std::size_t i = 0; i < size(); ++i)
    if (!std::isnan(config[i])) unit[i] = content_->parameters[i].encode(config[i]);
  return unit;
}

bool Space::feasible(std::span<const double> config) const {
  return std::ranges::all_of(content_->constraints,
                             [&](const Expression& constraint) { return constraint.permits(config); });
}

void Space::deactivate(Config& config) const {
  for (std::size_t i = 0; i < size(); ++i)
    if (!content_->active(i, config)) config[i] = inactive;
}

std::string Space::violation(std::span<const double> config) const {
  if (config.size() != size())
    return concat("a configuration of this space has ", size(), " entries, got ", config.size());
  for (std::size_t i = 0; i < size(); ++i) {
    std::string wrong = entry_violation(content_->parameters[i], content_->active(i, config), config[i]);
    if (!wrong.empty()) return wrong;
  }
  for (std::size_t c = 0; c < content_->constraints.size(); ++c) {
    if (content_->constraints[c].permits(config)) continue;
    const Definition& broken = content_->constraint_definitions[c];
    return concat("the constraint '", broken.name, " = ", trim(broken.text), "' does not hold for ",
                  text(config));
  }
  return {};
}

Config Space::read(std::span<const std::pair<std::string, std::string>> values) const {
  Config config(size(), inactive);
  std::set<std::string_view> seen;
  for (const auto& [name, text] : values) {
    const auto index = index_of(name);
    if (!index)
      throw InvalidInput(concat("unknown parameter '", name, "'", suggestion(name, names_of(parameters()))));
    require(seen.insert(name).second, "'", name, "' is given twice");
    if (!trim(text).empty()) config[*index] = entry_of(parameters()[*index], text);
  }
  deactivate(config);
  const std::string broken = violation(config);
  require(broken.empty(), broken);
  return config;
}

std::string Space::text(std::span<const double> config) const {
  std::string result;
  for (std::size_t i = 0; i < size(); ++i) {
    if (std::isnan(config[i])) continue;
    const std::string word = to_text(value(config, i));
    const bool quotes = word.find_first_of(" \t=") != std::string::npos;
    result += concat(result.empty() ? "" : " ", parameters()[i].name, "=", quotes ? "\"" : "", word,
                     quotes ? "\"" : "");
  }
  return result;
}

Value Space::value(std::span<const double> config, std::size_t index) const {
  return parameters().at(index).value(config[index]);
}

const std::vector<Definition>& Space::constraints() const { return content_->constraint_definitions; }
const std::vector<Definition>& Space::definitions() const { return content_->definitions; }

}  // namespace regatta::space
