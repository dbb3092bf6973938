#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "exit_code.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/text.hpp"
#include "regatta/log/study_reader.hpp"
#include "regatta/report/course.hpp"
#include "regatta/report/report.hpp"
#include "regatta/report/table.hpp"
#include "regatta/run/simulator.hpp"
#include "replay.hpp"
#include "study_plan.hpp"

namespace regatta::app {
namespace {

/// What is in force; a directory of its own by default, so that the real run keeps its place.
StudyInputs simulated_inputs(const Arguments& arguments) {
  const std::filesystem::path file = arguments.operands.front();
  StudyInputs inputs = read_inputs(file, arguments.overrides);
  const std::filesystem::path usual = std::filesystem::path("runs") / inputs.name;
  if (inputs.log.directory != usual) return inputs;
  std::vector<Override> overrides = arguments.overrides;
  overrides.push_back({"log", {"directory", usual.string() + "-simulated", {"command line"}}});
  return read_inputs(file, overrides);
}

/// Where the events of a simulation go: into a study in memory, and into a run directory unless there is
/// none.
class Record {
 public:
  Record(const run::StudyPlan& plan, bool on_disk) : study_(plan.header) {
    if (!on_disk) return;
    study_.directory = plan.log.directory;
    log_ = log::RunLog::create(plan.log, plan.header);
  }

  void write(std::span<const search::Event> events) {
    if (log_) log_->write(events);
    for (const search::Event& event : events) study_.record(event);
  }
  void close(log::RunState state, const std::string& reason) {
    if (log_) log_->close(state, reason);
  }
  const log::Study& study() const { return study_; }

 private:
  log::Study study_;
  std::optional<log::RunLog> log_;
};

std::string microseconds(double seconds) { return format_short(seconds * 1e6, 3) + " us"; }

std::string simulation_text(const run::SimulationResult& result, int workers, double real_seconds) {
  const double per_report =
      result.controller_seconds / static_cast<double>(std::max<std::size_t>(1, result.reports));
  return concat(
      "virtual      ", format_duration(result.seconds), " on ", workers, " workers, ",
      format_short(100 * result.utilisation, 3), " % of their time with a trial; simulated in ",
      format_duration(real_seconds), "\ncontroller   ", microseconds(per_report), " of CPU per report, ",
      result.reports, " reports, at most ", result.longest_queue, " waiting at once",
      result.failures > 0 ? concat("\nfailures     ", result.failures, " of workers") : "", "\nsearcher     ",
      microseconds(result.mean_proposal_seconds), " of CPU per proposal, at most ",
      microseconds(result.max_proposal_seconds), ", ", result.proposals, " proposals",
      result.domains > 0 ? concat("\ntree         ", result.domains, " parts, ", result.handed_over,
                                  " times one was handed to another sub-controller")
                         : "",
      "\n");
}

/// The best value so far at ten times of the study.
std::string course_text(const report::Course& course, double end) {
  report::Table table({{"time"}, {"best so far"}});
  for (int tenth = 1; tenth <= 10; ++tenth)
    table.add({format_duration(end * tenth / 10), format_short(course.at(end * tenth / 10))});
  return table.text();
}

run::SimulationOptions simulation_options(const StudyInputs& inputs, const Arguments& arguments) {
  run::SimulationOptions options;
  options.workers = static_cast<std::int32_t>(*parse_integer(arguments.option("workers")));
  options.walltime = inputs.walltime;
  options.latency = *parse_duration(arguments.option("latency"));
  options.speed_spread = *parse_number(arguments.option("speed-spread"));
  if (inputs.layout.elastic) options.team_efficiency = *parse_number(arguments.option("team-efficiency"));
  options.failure_seconds = *parse_duration(arguments.option("failures"));
  options.repair_seconds = *parse_duration(arguments.option("repair"));
  options.report_seconds = *parse_duration(arguments.option("report-interval"));
  options.charge_controller = arguments.option("charge") == "true";
  return options;
}

/// The recorded study that takes the objective's place in `plan`, where one is asked for.
std::unique_ptr<RecordedCurves> replayed(const Arguments& arguments, run::StudyPlan& plan) {
  const std::string directory = arguments.option("replay");
  if (directory.empty()) return nullptr;
  auto curves = std::make_unique<RecordedCurves>(directory);
  curves->replace_objective(plan);
  return curves;
}

/// One study of a setting.
struct Compared {
  report::Course course;
  double seconds = 0;  ///< virtual
};

Compared simulate_setting(const Arguments& arguments, const std::string& setting, int seed) {
  std::vector<Override> overrides = arguments.overrides;
  for (const std::string& word : split(setting, ' '))
    if (!word.empty()) overrides.push_back(override_of(word));
  StudyInputs inputs = read_inputs(arguments.operands.front(), overrides);
  inputs.seed += static_cast<std::uint64_t>(seed);
  inputs.searcher.seed = inputs.seed;
  run::StudyPlan plan = make_plan(inputs, arguments, {"none"}, nullptr);
  const auto recorded = replayed(arguments, plan);
  run::SimulationOptions options = simulation_options(inputs, arguments);
  Compared compared{report::Course(plan.controller.maximize)};
  options.log = [&](std::span<const search::Event> events) {
    for (const search::Event& event : events) compared.course.take(event);
  };
  compared.seconds = run::simulate(plan, options).seconds;
  return compared;
}

int compare_settings(const Arguments& arguments) {
  const int seeds = static_cast<int>(*parse_integer(arguments.option("seeds")));
  std::vector<report::Setting> settings;
  double end = 0;
  for (const std::string& text : split(arguments.option("compare"), ';')) {
    settings.push_back({text, {}});
    for (int seed = 0; seed < seeds; ++seed) {
      Compared compared = simulate_setting(arguments, text, seed);
      settings.back().courses.push_back(std::move(compared.course));
      end = std::max(end, compared.seconds);
    }
  }
  std::cout << report::comparison_text(settings, end);
  return finished;
}

}  // namespace

int simulate_command(const Arguments& arguments) {
  if (!arguments.option("compare").empty()) return compare_settings(arguments);
  const StudyInputs inputs = simulated_inputs(arguments);
  run::StudyPlan plan = make_plan(inputs, arguments, {"none"}, nullptr);
  const auto recorded = replayed(arguments, plan);
  const bool on_disk = arguments.option("no-log") != "true";
  std::optional<Record> record;
  run::SimulationOptions options = simulation_options(inputs, arguments);
  report::Course course(plan.controller.maximize);
  options.log = [&](std::span<const search::Event> events) {
    if (!record) record.emplace(plan, on_disk);  // only now is it known that the plan can be simulated
    record->write(events);
    for (const search::Event& event : events) course.take(event);
  };
  const Stopwatch clock;
  run::SimulationResult result;
  try {
    result = run::simulate(plan, options);
  } catch (const std::exception& error) {
    if (record) record->close(log::RunState::Failed, error.what());
    throw;
  }
  record->close(result.interrupted ? log::RunState::Interrupted : log::RunState::Complete, result.reason);
  if (inputs.verbosity > 0)
    std::cout << report::summary_text(record->study())
              << simulation_text(result, options.workers, clock.seconds())
              << course_text(course, result.seconds);
  return result.history.incumbent() || result.interrupted ? finished : no_trial_succeeded;
}

}  // namespace regatta::app
