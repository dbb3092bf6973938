#include "regatta/report/html.hpp"

#include <algorithm>
#include <cmath>

#include "phrases.hpp"
#include "plot.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/report.hpp"
#include "regatta/search/tree_nodes.hpp"

namespace regatta::report {
namespace {

using search::Trial;
using search::TrialState;

constexpr double page_width = 980;           // [pixel]
constexpr std::size_t most_parameters = 30;  // with a plot of their own

std::string tip_of(const log::Study& study, const Trial& trial) {
  return concat("trial ", trial.id.value, ", ", name_of(trial.state), ": ", study.header.metric, " = ",
                score_text(trial), ", ", effort_text(trial), "\n", study.space.text(trial.config));
}

/// Those with a result, by the time of their end.
std::vector<const Trial*> judged(const log::Study& study) {
  std::vector<const Trial*> trials;
  for (const Trial& trial : study.history.trials())
    if (is_final(trial.state) && std::isfinite(trial.objective)) trials.push_back(&trial);
  std::ranges::stable_sort(trials, {}, [](const Trial* trial) { return trial->t_end; });
  return trials;
}

Range objective_range(const log::Study& study, const std::vector<const Trial*>& trials) {
  std::vector<double> values;
  for (const Trial* trial : trials) values.push_back(trial->objective);
  return range_of(std::move(values), study.header.maximize);
}

void add(Plot& plot, const log::Study& study, const Trial& trial, double x) {
  const bool completed = trial.state == TrialState::Completed;
  plot.point(x, trial.objective, completed ? "#26c" : "#999", completed, tip_of(study, trial));
}

std::string course_plot(const log::Study& study, const std::vector<const Trial*>& trials,
                        const Range& objective) {
  const double begin = study.header.created, end = std::max(begin + 1e-3, trials.back()->t_end);
  Plot plot(page_width, 320, {begin, end}, objective);
  std::vector<std::pair<double, double>> best;
  for (const Trial* trial : trials) {
    add(plot, study, *trial, trial->t_end);
    if (search::succeeded(trial->state) &&
        (best.empty() || study.history.better(trial->objective, best.back().second)))
      best.emplace_back(trial->t_end, trial->objective);
  }
  plot.steps(best, "#d22");
  return plot.svg(study.header.metric + " over time: completed trials (filled), others, and the best so far",
                  "0 s", format_duration(end - begin));
}

/// Over the parameter's own scale, from its lower to its upper end.
std::string parameter_plot(const log::Study& study, const std::vector<const Trial*>& trials,
                           const Range& objective, std::size_t index) {
  const space::Parameter& parameter = study.space.parameters()[index];
  Plot plot(page_width / 2 - 10, 220, {0, 1}, objective);
  for (const Trial* trial : trials)
    if (!std::isnan(trial->config[index])) add(plot, study, *trial, parameter.encode(trial->config[index]));
  const auto end = [&](double unit) {
    search::Config config = trials.front()->config;
    config[index] = parameter.decode(unit);
    const space::Value value = study.space.value(config, index);
    const auto* number = std::get_if<double>(&value);
    return number ? format_short(*number, 4) : space::to_text(value);
  };
  return plot.svg(parameter.name, end(0), end(std::nextafter(1.0, 0.0)));
}

std::string tree_tip(const log::Study& study, const search::TreeNode& node) {
  return concat(node.part, "\n", percent(node.volume), " of the space, visits ", node.visits, ", running ",
                node.in_flight, ", best ", study.header.metric, " ", format_short(node.value, 5),
                ", probability ", percent(node.probability), ", entropy ", format_short(node.entropy, 3));
}

/// Each node under its parent, as wide as its share of the results, the darker the more probably it holds the
/// optimum. By their share of the space the nodes that matter would be too thin to be seen.
std::string tree_plot(const log::Study& study) {
  const auto nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);
  constexpr double row = 26;
  std::int32_t depth = 0;
  std::vector<double> left(nodes.size(), 0), used(nodes.size(), 0);
  std::string shapes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const search::TreeNode& node = nodes[i];
    const double width =
        i == 0 ? page_width
               : page_width * static_cast<double>(node.visits) / static_cast<double>(nodes[0].visits);
    if (i > 0) {
      const auto parent = static_cast<std::size_t>(node.parent);
      left[i] = left[parent] + used[parent];
      used[parent] += width;
    }
    depth = std::max(depth, node.depth);
    const double y = row * node.depth;
    shapes +=
        concat("<g><title>", escaped(tree_tip(study, node)), "</title><rect x=\"", format_short(left[i], 6),
               "\" y=\"", y, "\" width=\"", format_short(std::max(width, 0.5), 6), "\" height=\"", row - 2,
               "\" fill=\"", shade(std::sqrt(node.probability)), "\" stroke=\"#fff\" stroke-width=\"0.5\"/>");
    if (width > 7.0 * static_cast<double>(node.part.size()))
      shapes += concat("<text x=\"", format_short(left[i] + 4, 6), "\" y=\"", y + 16, "\" fill=\"",
                       node.probability > 0.1 ? "#fff" : "#222", "\">", escaped(node.part), "</text>");
    shapes += "</g>\n";
  }
  return concat("<svg width=\"", page_width, "\" height=\"", row * (depth + 1), "\">\n", shapes, "</svg>\n");
}

}  // namespace

std::string html_page(const log::Study& study) {
  std::string body = concat("<h1>", escaped(study.header.name), "</h1>\n");
  if (const auto trials = judged(study); !trials.empty()) {
    const Range objective = objective_range(study, trials);
    body += course_plot(study, trials, objective) + "<h2>Parameters</h2>\n";
    for (std::size_t i = 0; i < std::min(study.space.size(), most_parameters); ++i)
      body += parameter_plot(study, trials, objective, i);
  }
  if (study.header.searcher == "ais")
    body +=
        "<h2>Tree of the search</h2>\n<p>Each node is as wide as its share of the results, and the darker "
        "the more probably it holds the optimum.</p>\n" +
        tree_plot(study);
  body += concat("<h2>Report</h2>\n<pre>", escaped(report_text(study)), "</pre>\n");
  return concat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", escaped(study.header.name),
      "</title>\n<style>body{font:14px sans-serif;max-width:1000px;margin:1em auto}svg{font-size:12px}"
      "pre{font-size:12px}</style></head>\n<body>\n",
      body, "</body></html>\n");
}

}  // namespace regatta::report
