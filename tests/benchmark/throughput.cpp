// How many trials per second pass through 8 workers when a trial costs nothing, with everything logged; and how fast a study
// of 100,000 trials opens.

#include <algorithm>
#include <cmath>

#include "benchmark.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/h5/file.hpp"
#include "support/process.hpp"

using namespace regatta;

namespace {

constexpr int workers = 8;

/// Seconds of best and last 100 trials from the journal.
double open_journal(const std::filesystem::path& directory) {
  const Stopwatch clock;
  const log::Study study = log::read_study(directory);
  const auto& trials = study.history.trials();
  require(study.history.incumbent().has_value() && trials.size() >= 100, "the study is too short");
  double sum = 0;
  for (std::size_t i = trials.size() - 100; i < trials.size(); ++i) sum += trials[i].objective;
  require(std::isfinite(sum), "a trial has no value");
  return clock.seconds();
}

/// The same from the results file, as an analysis does it.
double open_results(const std::filesystem::path& directory) {
  const Stopwatch clock;
  const auto file = h5::File::open(directory / "regatta.h5");
  const std::vector<double> objectives = file.read_doubles("/trials/objective");
  require(objectives.size() >= 100, "the study is too short");
  const auto best = std::ranges::min_element(objectives) - objectives.begin();
  require(best >= 0 && std::isfinite(objectives.back()), "a trial has no value");
  return clock.seconds();
}

double command_seconds(const std::vector<std::string>& command) {
  const auto result = support::run_process(command);
  require(result.exit_code == 0, command[1], " failed: ", result.err);
  return result.seconds;
}

void add_opening_figures(benchmark::Report& report) {
  const auto run = benchmark::run_study(workers + 1, "branin.ini", {"study.trials=100000"});
  benchmark::Figure journal{"open 100,000 trials: journal", {}, "s", "< 1", "best and last 100"};
  benchmark::Figure results{"open 100,000 trials: regatta.h5", {}, "s", "< 1", "all objectives, best and last 100"};
  benchmark::Figure best{"regatta best", {}, "s", "< 1", "the whole command"};
  for (int i = 0; i < report.repeats(); ++i) {
    journal.values.push_back(open_journal(run.directory));
    results.values.push_back(open_results(run.directory));
    best.values.push_back(command_seconds({REGATTA_BINARY, "best", run.directory.string()}));
  }
  for (const auto& figure : {journal, results, best}) report.add(figure);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Report report("throughput", argc, argv, 3);
  benchmark::Figure rate{"trials through 8 workers", {}, "1/s", ">= 5000", "20,000 trials of branin, until regatta.h5 holds them all"};
  benchmark::Figure steady{"the same until the last result", {}, "1/s", "", "in the journal"};
  benchmark::Figure cpu{"CPU per trial", {}, "us", "", "all ranks"};
  for (int i = 0; i < report.repeats(); ++i) {
    const auto run = benchmark::run_study(workers + 1, "branin.ini", {"study.trials=20000"});
    rate.values.push_back(static_cast<double>(run.study.attempts.size()) / run.logged_seconds);
    steady.values.push_back(static_cast<double>(run.study.attempts.size()) / run.tuning_seconds);
    cpu.values.push_back(1e6 * run.cpu_seconds / static_cast<double>(run.study.attempts.size()));
  }
  report.add(rate);
  report.add(steady);
  report.add(cpu);
  add_opening_figures(report);
  report.finish();
}
