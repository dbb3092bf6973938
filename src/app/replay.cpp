#include "replay.hpp"

#include <unistd.h>

#include <algorithm>

#include "regatta/log/study_reader.hpp"
#include "regatta/train/curve_table.hpp"

namespace regatta::app {
namespace {

std::vector<TrialId> whole_trainings(const log::Study& study, std::int32_t epochs) {
  std::vector<TrialId> trials;
  for (const search::Trial& trial : study.history.trials())
    if (trial.state == search::TrialState::Completed && trial.epochs == epochs && trial.changed_epoch == 0)
      trials.push_back(trial.id);
  return trials;
}

std::int32_t longest_training(const search::History& history) {
  std::int32_t epochs = 0;
  for (const search::Trial& trial : history.trials())
    if (trial.state == search::TrialState::Completed) epochs = std::max(epochs, trial.epochs);
  return epochs;
}

/// Curves and times by trial; the time of a training with pauses is shared evenly between its epochs.
void fill_curves(train::CurveTable& table, const log::Study& study, const std::vector<TrialId>& trials) {
  std::vector<std::size_t> rows(study.history.trials().size(), trials.size());
  for (std::size_t row = 0; row < trials.size(); ++row) rows[static_cast<std::size_t>(trials[row].value)] = row;
  table.objective.assign(table.rows * table.epochs, search::not_a_number);
  table.seconds.assign(table.rows * table.epochs, 0);
  for (const search::TrialReported& report : study.reports) {
    const std::size_t row = rows[static_cast<std::size_t>(report.trial.value)];
    if (row == trials.size()) continue;
    const search::Trial& trial = study.history[report.trial];
    const std::size_t cell = row * table.epochs + static_cast<std::size_t>(report.epoch) - 1;
    const double share = trial.seconds * report.epoch / static_cast<double>(table.epochs);
    table.objective[cell] = report.value;
    table.seconds[cell] = trial.attempt == 1 ? report.time - trial.t_start : share;
  }
  for (std::size_t cell = 1; cell < table.seconds.size(); ++cell)
    if (cell % table.epochs > 0) table.seconds[cell] = std::max(table.seconds[cell], table.seconds[cell - 1]);
}

train::CurveTable table_of(const log::Study& study, const std::vector<TrialId>& trials, std::int32_t epochs) {
  train::CurveTable table;
  table.rows = trials.size();
  table.epochs = static_cast<std::size_t>(epochs);
  table.metric = study.header.metric;
  table.maximize = study.header.maximize;
  table.origin = concat("regatta study ", study.header.name, ", run ", study.header.run_uuid);
  for (std::size_t p = 0; p < study.space.size(); ++p) {
    const space::Parameter& parameter = study.space.parameters()[p];
    require(parameter.condition.empty(), "a study whose parameter '", parameter.name,
            "' has a condition cannot be replayed");
    train::CurveColumn column{parameter.name, parameter.definition, {}};
    for (const TrialId trial : trials) column.entries.push_back(study.history[trial].config[p]);
    table.columns.push_back(std::move(column));
  }
  fill_curves(table, study, trials);
  return table;
}

}  // namespace

RecordedCurves::RecordedCurves(const std::filesystem::path& directory) {
  const log::Study study = log::read_study(directory);
  const std::int32_t epochs = longest_training(study.history);
  const std::vector<TrialId> trials = whole_trainings(study, epochs);
  require(!trials.empty(), directory.string(), " cannot be replayed: no training came to its end");
  space_ = study.space;
  header_ = study.header;
  for (const TrialId trial : trials) configs_.push_back(study.history[trial].config);
  file_ = std::filesystem::temp_directory_path() / concat("regatta_replay_", ::getpid(), ".h5");
  train::write_curve_table(file_, table_of(study, trials, epochs));
}

RecordedCurves::~RecordedCurves() {
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

void RecordedCurves::replace_objective(run::StudyPlan& plan) const {
  plan.space = space_;
  plan.objective = {};
  plan.searcher.listed.clear();
  plan.objective.type = "table";
  plan.objective.values = {{"table", file_.string()}, {"match", "exact"}};
  plan.objective.maximize = plan.controller.maximize = plan.header.maximize = header_.maximize;
  plan.header.space = header_.space;
  plan.header.constraints = header_.constraints;
  plan.header.metric = header_.metric;
  plan.header.metrics.clear();
  plan.header.objective = "table";
  plan.header.trials = static_cast<std::int64_t>(configs_.size());
  plan.user_trials = configs_;
  plan.controller.trials = static_cast<std::int64_t>(configs_.size());
}

}  // namespace regatta::app
