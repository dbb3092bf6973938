// How well the controller keeps 128 ranks busy that share two cores: 500 trials that sleep N(1, 0.2) s.

#include <set>

#include "benchmark.hpp"
#include "regatta/core/error.hpp"

using namespace regatta;

namespace {

constexpr int ranks = 128;
constexpr int trials = 500;

double slept_seconds(const log::Study& study) {
  double sum = 0;
  for (const search::Trial& trial : study.history.trials()) sum += trial.seconds;
  return sum;
}

std::size_t different_points(const log::Study& study) {
  std::set<search::Config> points;
  for (const search::Trial& trial : study.history.trials()) points.insert(trial.config);
  return points.size();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Report report("stress", argc, argv, 3);
  benchmark::Figure tuning{"500 trials on 128 ranks", {}, "s", "<= 8", "from the first assignment to the last result; a peer needs 1000 s"};
  benchmark::Figure ideal{"floor: slept time / 127 workers", {}, "s", "", "no schedule can be faster"};
  benchmark::Figure start{"start-up and end", {}, "s", "", "mpirun, MPI_Init, leaving"};
  benchmark::Figure done{"completed trials", {}, "", "500", ""};
  benchmark::Figure points{"different points", {}, "", "500", ""};
  benchmark::Figure busy{"CPU per rank while tuning", {}, "%", "", "start-up included, so an upper bound"};
  for (int i = 0; i < report.repeats(); ++i) {
    const auto run = benchmark::run_study(ranks, "sleep.ini", {concat("study.trials=", trials), concat("study.seed=", i + 1)});
    tuning.values.push_back(run.tuning_seconds);
    ideal.values.push_back(slept_seconds(run.study) / (ranks - 1));
    start.values.push_back(run.wall_seconds - run.tuning_seconds);
    done.values.push_back(static_cast<double>(run.study.history.count(search::TrialState::Completed)));
    points.values.push_back(static_cast<double>(different_points(run.study)));
    busy.values.push_back(100 * run.cpu_seconds / (ranks * run.wall_seconds));
  }
  benchmark::Figure waiting{"CPU per rank, 4 workers, trials of 1 s", {}, "%", "< 5", "start-up included"};
  const auto calm = benchmark::run_study(5, "sleep.ini", {"study.trials=40"});
  waiting.values.push_back(100 * calm.cpu_seconds / (5 * calm.wall_seconds));
  for (auto* figure : {&tuning, &ideal, &start, &done, &points, &busy, &waiting}) report.add(*figure);
  report.finish();
}
