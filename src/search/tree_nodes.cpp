#include "regatta/search/tree_nodes.hpp"

#include <cmath>

#include "regatta/core/text.hpp"
#include "study_tree.hpp"

namespace regatta::search {
namespace {

std::string border_text(const space::Parameter& parameter, double unit) {
  const space::Value value = parameter.value(parameter.decode(unit));
  const auto* number = std::get_if<double>(&value);
  return number ? format_short(*number, 4) : space::to_text(value);
}

std::string words_text(const space::Parameter& parameter, const Split& split, std::size_t child) {
  std::vector<std::string> words;
  for (std::size_t w = 0; w < split.child_of.size(); ++w)
    if (split.child_of[w] == child) words.push_back(space::to_text(parameter.categories[w]));
  return concat(parameter.name, " is ", join(words, " or "));
}

/// What of its parent a child is.
std::string part_text(const space::Space& space, const Split& split, std::size_t child) {
  const space::Parameter& parameter = space.parameters()[split.parameter];
  if (split.kind == Split::Kind::Activity)
    return concat(parameter.name, child == 0 ? " active" : " inactive");
  if (split.kind == Split::Kind::Words) return words_text(parameter, split, child);
  const std::string low = child == 0 ? "" : border_text(parameter, split.borders[child - 1]);
  const std::string high = child == split.borders.size() ? "" : border_text(parameter, split.borders[child]);
  if (low.empty()) return concat(parameter.name, " < ", high);
  return high.empty() ? concat(parameter.name, " >= ", low)
                      : concat(low, " <= ", parameter.name, " < ", high);
}

/// The number after `name =` in a line, or none.
std::optional<std::int64_t> integer_in(std::string_view line, std::string_view name) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || trim(line.substr(0, equals)) != name) return std::nullopt;
  const std::string_view rest = line.substr(equals + 1);
  return parse_integer(trim(rest.substr(0, rest.find('#'))));
}

}  // namespace

std::vector<TreeNode> tree_nodes(const space::Space& space, const TreeOptions& options,
                                 const History& history) {
  StudyTree study(space, options);
  static_cast<void>(study.update(history));
  const std::vector<RegionTree::Node>& nodes = study.tree().nodes();
  std::vector<TreeNode> result;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const RegionTree::Node& node = nodes[i];
    TreeNode shown;
    shown.depth = node.depth;
    shown.children = static_cast<std::int32_t>(node.children);
    shown.visits = static_cast<std::int64_t>(node.visits);
    shown.in_flight = static_cast<std::int64_t>(node.in_flight);
    if (std::isfinite(node.value)) shown.value = history.maximize() ? -node.value : node.value;
    shown.probability = study.tree().probability(i);
    shown.entropy = node.entropy;
    shown.volume = std::exp(node.log_volume);
    shown.part = "everything";
    if (node.parent != RegionTree::none) {
      shown.parent = static_cast<std::int32_t>(node.parent);
      shown.part = part_text(space, nodes[node.parent].split, i - nodes[node.parent].first_child);
    }
    result.push_back(std::move(shown));
  }
  return result;
}

TreeOptions tree_options_in(std::string_view inputs) {
  TreeOptions options;
  bool search = false;
  for (const std::string& line : split(inputs, '\n')) {
    if (trim(line).starts_with('[')) search = trim(line).starts_with("[search]");
    if (!search) continue;
    const auto read = [&](std::string_view name, int& option) {
      if (const auto number = integer_in(line, name)) option = static_cast<int>(*number);
    };
    read("children", options.children);
    read("max_height", options.max_height);
    read("split", options.split);
  }
  return options;
}

}  // namespace regatta::search
