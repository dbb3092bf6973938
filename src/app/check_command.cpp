#include <algorithm>
#include <iostream>

#include "commands.hpp"
#include "preview.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/report/table.hpp"
#include "regatta/train/dataset.hpp"
#include "study_inputs.hpp"

namespace regatta::app {
namespace {

using report::Align;

/// "1 rank", "2 ranks".
std::string counted(std::size_t number, const std::string& thing) {
  return concat(number, " ", thing, number == 1 ? "" : "s");
}

std::string count_of(const space::Space& space) {
  const auto number = space.cardinality();
  return number ? format_number(*number) + " different configurations" : "infinitely many configurations";
}

std::string space_text(const space::Space& space) {
  report::Table table(
      {{"parameter", Align::Left}, {"values", Align::Left}, {"how many"}, {"only if", Align::Left}});
  for (const space::Parameter& parameter : space.parameters()) {
    const auto cardinality = parameter.cardinality();
    table.add({parameter.name, parameter.definition, cardinality ? format_number(*cardinality) : "real",
               parameter.condition});
  }
  std::string text =
      concat("Space: ", counted(space.size(), "parameter"), ", ", count_of(space), "\n", table.text());
  if (!space.constraints().empty()) text += "Constraints:\n";
  for (const Entry& constraint : space.constraints())
    text += concat("  ", constraint.name, " = ", constraint.text, "\n");
  return text;
}

std::string user_trials_text(const StudyInputs& inputs) {
  if (inputs.user_trials.empty()) return "";
  std::string text =
      concat("Tried first: ", counted(inputs.user_trials.size(), "configuration"), " of yours\n");
  constexpr std::size_t most = 10;
  for (std::size_t i = 0; i < std::min(most, inputs.user_trials.size()); ++i)
    text += concat("  ", inputs.space.text(inputs.user_trials[i]), "\n");
  if (inputs.user_trials.size() > most) text += "  ...\n";
  return text;
}

std::string data_text(const objective::ObjectiveOptions& options) {
  const auto data = options.values.find("data");
  if (data == options.values.end()) return "";
  const train::DatasetInfo info = train::inspect_dataset(options.folder / data->second);
  return concat("  data ", data->second, ": ", info.train_rows, " training, ", info.valid_rows,
                " validation, ", info.test_rows, " test rows; ", info.features, " features, ",
                info.classes > 0 ? concat(info.classes, " classes") : counted(info.outputs, "output"), "\n");
}

std::string objective_text(const StudyInputs& inputs) {
  std::string text = concat("Objective: ", inputs.objective.type, ", ",
                            inputs.maximize ? "maximize " : "minimize ", inputs.metric, "\n");
  text += data_text(inputs.objective);
  for (const auto& [name, value] : inputs.objective.values)
    if (name != "data") text += concat("  ", name, " = ", value, "\n");
  return text;
}

std::string plan_text(const StudyInputs& inputs) {
  std::string text = concat(
      "Search: ", inputs.searcher.algorithm, ", scheduler ", inputs.scheduler.algorithm, ", seed ",
      inputs.seed, "\nBudget: ", inputs.trials > 0 ? concat(inputs.trials, " trials") : "no limit of trials");
  if (inputs.walltime > 0) text += ", " + format_duration(inputs.walltime);
  return text + "\n";
}

/// Ranks that all run here, as a launcher on this machine would start them.
std::vector<run::RankInfo> ranks_here(int ranks) {
  run::RankInfo info;
  info.host = host_name();
  info.cores = run::available_cores();
  for (const device::DeviceInfo& gpu : device::cuda_devices()) {
    info.gpu_uuids.push_back(gpu.uuid);
    info.gpu_names.push_back(gpu.name);
  }
  return std::vector<run::RankInfo>(static_cast<std::size_t>(ranks), info);
}

std::string layout_text(const StudyInputs& inputs, int ranks, const run::Layout& layout) {
  const auto lanes = static_cast<std::size_t>(layout.lanes);
  const bool chosen = inputs.layout.lanes == 0;
  std::string text =
      concat("Layout: ", counted(static_cast<std::size_t>(ranks), "rank"), " on this machine, ",
             counted(layout.teams.size(), "worker"), " of ",
             counted(static_cast<std::size_t>(inputs.layout.ranks_per_trial), "rank"),
             lanes > 1 || chosen ? concat(", ", counted(lanes, "lane"), " of each rank") : "", "\n");
  if (lanes > 1 && chosen && !inputs.deterministic)
    text += concat("  a run times up to ", lanes, " lanes before it begins, and may take fewer\n");
  for (const std::string& warning : layout.warnings) text += "  warning: " + warning + "\n";
  return text;
}

int planned_ranks(const Arguments& arguments, const run::LayoutOptions& options) {
  if (const auto given = parse_integer(arguments.option("ranks"))) return static_cast<int>(*given);
  const int needed = std::max(options.ranks_per_trial, options.widest);
  return needed > 1 ? 1 + needed : 1;  // rank 0 takes no part in teams
}

/// Where it is asked for.
std::string preview(const StudyInputs& inputs, const Arguments& arguments, std::int32_t workers) {
  if (arguments.option("preview") != "true") return "";
  const auto objective = objective::make_objective(inputs.objective, inputs.space);
  return preview_text(inputs, objective->epochs(), workers, *parse_duration(arguments.option("epoch-time")));
}

}  // namespace

int check_command(const Arguments& arguments) {
  const StudyInputs inputs = read_inputs(arguments.operands.front(), arguments.overrides);
  const int ranks = planned_ranks(arguments, inputs.layout);
  const std::vector<run::RankInfo> infos = ranks_here(ranks);
  run::LayoutOptions options = inputs.layout;
  options.lanes = run::choose_lanes(options, infos, inputs.objective, inputs.space, inputs.trials);
  const run::Layout layout = run::plan_layout(infos, options);
  std::cout << "Study: " << inputs.name << " (" << inputs.source.string() << ")\n"
            << space_text(inputs.space) << user_trials_text(inputs) << objective_text(inputs)
            << plan_text(inputs) << layout_text(inputs, ranks, layout)
            << preview(inputs, arguments, static_cast<std::int32_t>(layout.teams.size()))
            << "Results: " << inputs.log.directory.string() << "\nThe input is valid.\n";
  return 0;
}

}  // namespace regatta::app
