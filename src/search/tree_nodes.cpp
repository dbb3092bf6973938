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

/// Between unit coordinates; 0 and 1 are no borders.
std::string between_text(const space::Parameter& parameter, double low, double high) {
  if (low <= 0) return concat(parameter.name, " < ", border_text(parameter, high));
  const std::string from = border_text(parameter, low);
  return high >= 1 ? concat(parameter.name, " >= ", from)
                   : concat(from, " <= ", parameter.name, " < ", border_text(parameter, high));
}

template <class Contains>
std::string words_text(const space::Parameter& parameter, Contains contains) {
  std::vector<std::string> words;
  for (std::size_t w = 0; w < parameter.categories.size(); ++w)
    if (contains(w)) words.push_back(space::to_text(parameter.categories[w]));
  return concat(parameter.name, " is ", join(words, " or "));
}

/// What of its parent a child is.
std::string part_text(const space::Space& space, const Split& split, std::size_t child) {
  const space::Parameter& parameter = space.parameters()[split.parameter];
  if (split.kind == Split::Kind::Activity)
    return concat(parameter.name, child == 0 ? " active" : " inactive");
  if (split.kind == Split::Kind::Words)
    return words_text(parameter, [&](std::size_t w) { return split.child_of[w] == child; });
  return between_text(parameter, child == 0 ? 0 : split.borders[child - 1],
                      child == split.borders.size() ? 1 : split.borders[child]);
}

/// What of the space a part is, each parameter once.
std::string place_text(const space::Space& space, const Part& part) {
  std::vector<std::string> texts;
  for (std::size_t k = 0; k < space.size(); ++k) {
    const space::Parameter& parameter = space.parameters()[k];
    const Part::Side& side = part.side(k);
    if (!side.may_be_active) {
      texts.push_back(parameter.name + " inactive");
    } else if (!side.words.empty()) {
      texts.push_back(words_text(parameter, [&](std::size_t w) { return side.words[w]; }));
    } else if (side.low > 0 || side.high < 1) {
      texts.push_back(between_text(parameter, side.low, side.high));
    } else if (!side.may_be_inactive) {
      texts.push_back(parameter.name + " active");
    }
  }
  return texts.empty() ? "everything" : join(texts, ", ");
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
    shown.place = place_text(space, node.part);
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
