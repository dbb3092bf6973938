#include "preview.hpp"

#include <map>

#include "regatta/core/text.hpp"
#include "regatta/report/table.hpp"
#include "regatta/run/simulator.hpp"

namespace regatta::app {
namespace {

/// The study's scheduler and budget over an objective that costs nothing.
run::StudyPlan made_up_plan(const StudyInputs& inputs, std::int32_t epochs) {
  run::StudyPlan plan;
  plan.objective.type = "function";
  plan.objective.values = {{"function", "sphere"}, {"epochs", concat(epochs)}};
  Problems problems;
  plan.space = space::Space::parse(objective::default_space(plan.objective), {}, problems);
  plan.searcher = {.algorithm = "random", .seed = inputs.seed};
  plan.scheduler = inputs.scheduler;
  plan.scheduler.parameter = plan.space.parameters().front().name;
  plan.scheduler.mutate.clear();
  if (plan.scheduler.algorithm == "replay") plan.scheduler.algorithm = "fifo";  // trials are as long
  plan.controller.trials =
      inputs.trials > 0 ? inputs.trials : static_cast<std::int64_t>(inputs.space.cardinality().value_or(0));
  plan.controller.seed = inputs.seed;
  plan.controller.batch = inputs.batch;
  plan.controller.prefetch = 0;
  return plan;
}

/// How many trials have come to each epoch where some ended, latest first.
std::string rungs_text(const search::History& history) {
  std::map<std::int32_t, std::size_t> ended;
  for (const search::Trial& trial : history.trials()) ++ended[trial.epochs];
  report::Table table({{"epochs"}, {"trials that train so long"}, {"and end there"}});
  std::size_t left = history.trials().size();
  for (const auto& [epochs, trials] : ended) {
    table.add({concat(epochs), concat(left), concat(trials)});
    left -= trials;
  }
  return table.text();
}

}  // namespace

std::string preview_text(const StudyInputs& inputs, std::int32_t epochs, std::int32_t workers,
                         double epoch_seconds) {
  const run::StudyPlan plan = made_up_plan(inputs, epochs);
  require(plan.controller.trials > 0 || inputs.walltime > 0,
          "a preview needs study.trials or study.walltime");
  const run::SimulationResult result =
      run::simulate(plan, {.workers = workers, .epoch_seconds = epoch_seconds, .walltime = inputs.walltime});
  double trained = 0;
  for (const search::Trial& trial : result.history.trials()) trained += trial.epochs;
  const double full = static_cast<double>(result.history.trials().size()) * epochs;
  return concat("Preview: ", workers, workers == 1 ? " worker, " : " workers, ",
                format_duration(epoch_seconds), " per epoch, made-up learning curves\n",
                rungs_text(result.history), "  ", trained, " epochs, ", format_short(100 * trained / full, 3),
                " % of full trainings; ", format_short(trained * epoch_seconds / 3600, 3),
                " device hours; ends after ", format_duration(result.seconds), "\n");
}

}  // namespace regatta::app
