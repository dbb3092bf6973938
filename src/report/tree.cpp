#include "regatta/report/tree.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <ranges>

#include "phrases.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/table.hpp"
#include "regatta/search/tree_nodes.hpp"

namespace regatta::report {
namespace {

using Nodes = std::vector<search::TreeNode>;

constexpr std::size_t most_leaves = 8;

Table empty_table() {
  return Table(
      {{"depth"}, {"part", Align::Left}, {"visits"}, {"running"}, {"best"}, {"probability"}, {"entropy"}});
}

void add(Table& table, const search::TreeNode& node, const std::string& part) {
  table.add({std::to_string(node.depth), part, std::to_string(node.visits), std::to_string(node.in_flight),
             std::isnan(node.value) ? "-" : format_short(node.value, 5), percent(node.probability),
             format_short(node.entropy, 3)});
}

/// From the root to the leaf of the best result.
std::string best_path(const Nodes& nodes, bool maximize) {
  Table table = empty_table();
  std::size_t place = 0;
  add(table, nodes[0], nodes[0].part);
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (nodes[i].parent != static_cast<std::int32_t>(place)) continue;
    const auto first = nodes.begin() + static_cast<std::ptrdiff_t>(i);
    const auto better = [&](const search::TreeNode& a, const search::TreeNode& b) {
      return !std::isnan(a.value) &&
             (std::isnan(b.value) || (maximize ? a.value > b.value : a.value < b.value));
    };
    const auto best = std::min_element(first, first + nodes[place].children, better);
    place = static_cast<std::size_t>(best - nodes.begin());
    add(table, nodes[place], nodes[place].part);
    i = place;
  }
  return table.text();
}

std::string top_leaves(const Nodes& nodes, std::size_t width) {
  std::vector<std::size_t> leaves;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].children == 0) leaves.push_back(i);
  std::ranges::stable_sort(leaves, std::greater<>(), [&](std::size_t i) { return nodes[i].probability; });
  Table table = empty_table();
  for (const std::size_t leaf : leaves | std::views::take(most_leaves))
    add(table, nodes[leaf], nodes[leaf].place);
  return table.text(width);
}

}  // namespace

std::string tree_text(const log::Study& study, std::size_t width) {
  if (study.header.searcher != "ais") return "";
  const Nodes nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);
  const auto leaves = std::ranges::count(nodes, 0, &search::TreeNode::children);
  return concat("tree of ", nodes.size(), " nodes with ", leaves, " leaves; the optimum may lie in ",
                percent(std::exp(nodes[0].entropy)), " of the space\nthe way to the best result\n",
                best_path(nodes, study.history.maximize()), "leaves where the optimum lies most probably\n",
                top_leaves(nodes, width));
}

}  // namespace regatta::report
