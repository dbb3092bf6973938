// The real binary under mpirun with programs and plug-ins that are paused, gone on with and taken over by others.

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "regatta/core/text.hpp"
#include "regatta/log/study_reader.hpp"
#include "regatta/report/utilisation.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using search::TrialState;

/// Adds $3 once per epoch, until epoch $4. It pauses as $1 says: it saves at SIGTERM and ends, or waits for words.
constexpr const char* adding_script = R"(#!/bin/sh
n=0 sum=0 over=
[ -e $2/state ] && . $2/state
x=$3
save() { echo "n=$n sum=$sum" >$2/state; }
trap 'save $*; exit' TERM
[ $1 = signal ] && trap over=1 TERM  # never between an epoch and its report
while [ $n -lt $4 ]; do
  [ $1 = signal ] || sleep 0.02
  n=$((n+1)) sum=$((sum+x))
  if [ $1 = signal ]; then echo "regatta: value=$sum own=$n"; sleep 0.02; [ $over ] && save $* && exit; continue; fi
  echo "{\"value\": $sum, \"own\": $n}" >&3
  read word rest <&4
  if [ $word = pause ]; then save $*; echo '{"paused": true}' >&3; read word rest <&4; fi
  case $word in
    stop) exit ;;
    perturb) rest=${rest#*:} x=${rest%\}} ;;
  esac
done
)";

class PausedPrograms : public testing::Test {
 protected:
  void run(const std::string& objective, const std::string& scheduler) {
    write(objective, scheduler);
    const support::ProcessResult result = support::run_process(start());
    ASSERT_EQ(result.exit_code, 0) << result;
    study = log::read_study(directory);
  }
  void write(const std::string& objective, const std::string& scheduler) {
    ::chmod(folder.write("add.sh", adding_script).c_str(), 0755);
    folder.write("x.ini", concat("[study]\ntrials = 8\ndirection = maximize\nmetric = value\n[objective]\nepochs = 6\nmetrics = own\n",
                                 objective, "[scheduler]\n", scheduler));
  }
  std::vector<std::string> start() const {
    return support::mpirun(ranks, {REGATTA_BINARY, "run", (folder / "x.ini").string(), "log.directory=" + directory.string()});
  }
  double value(TrialId trial, std::int32_t epoch) const {
    for (const search::TrialReported& report : study.reports)
      if (report.trial == trial && report.epoch == epoch) return report.value;
    return search::not_a_number;
  }
  /// What a trial itself counts as its epochs is what they are, in whatever pieces it was trained.
  void expect_nothing_lost_or_repeated() const {
    for (const search::TrialReported& report : study.reports)
      EXPECT_EQ(report.metrics.at(0), report.epoch) << "trial " << report.trial.value;
    EXPECT_GE(study.history.count(TrialState::Completed), 1u);
    EXPECT_EQ(study.history.count(TrialState::Failed), 0u);
    EXPECT_GT(study.attempts.size(), study.history.trials().size()) << "some have paused";
  }
  /// Each report after a change is what the epoch before had, the trial's own or another's, and x for each epoch.
  void expect_sums_to_be_taken_over() const {
    for (const search::TrialChanged& change : study.changes) {
      if (change.epoch == 0) continue;
      const auto next = std::ranges::find_if(study.reports, [&](const search::TrialReported& report) {
        return report.trial == change.trial && report.time > change.time;
      });
      if (next == study.reports.end()) continue;  // it has ended without another
      const double x = change.config[*study.space.index_of("x")];
      bool follows = false;
      for (std::int32_t from = 1; from < next->epoch; ++from)
        follows = follows || value(change.donor, from) + x * (next->epoch - from) == next->value;
      EXPECT_TRUE(follows) << "trial " << change.trial.value << " after epoch " << change.epoch;
    }
  }

  static std::string command(const std::string& style) {
    return concat("type = command\ncommand = ./add.sh {style} {checkpoint} {x} {epochs}\n[space]\nx = int(1, 50)\nstyle = choice(",
                  style, ")\n");
  }
  const std::string promotion = "algorithm = asha\nvariant = promotion\neta = 2\n";
  const std::string population = "algorithm = pbt\ninterval = 1\nquantile = 0.5\n";

  int ranks = 4;
  support::TemporaryFolder folder;
  std::filesystem::path directory = folder / "run";
  log::Study study;
};

TEST_F(PausedPrograms, ArePromotedByAshaAlsoByALaterJob) {
  write(command("signal, waits"), promotion);
  support::ChildProcess child(start());
  while (child.running() && !std::filesystem::exists(directory / "status.json"))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  while (child.running() && log::read_study(directory).history.count(TrialState::Paused) < 2)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  child.kill(SIGUSR2);
  ASSERT_EQ(child.wait().exit_code, 0);

  const support::ProcessResult result = support::run_process(support::mpirun(3, {REGATTA_BINARY, "resume", directory.string()}));

  ASSERT_EQ(result.exit_code, 0) << result;
  study = log::read_study(directory);
  expect_nothing_lost_or_repeated();
}

TEST_F(PausedPrograms, TakeOverTheCheckpointsOfOthersByPbt) {
  run(command("waits"), population + "mutate = x\n");

  expect_nothing_lost_or_repeated();
  expect_sums_to_be_taken_over();
  EXPECT_GT(std::ranges::count_if(study.changes, [](const auto& change) { return change.epoch > 0; }), 0);
}

TEST_F(PausedPrograms, TakeTurnsOnTheLanesOfARank) {
  ranks = 2;
  run(command("signal, waits"), promotion + "[workers]\nlanes = 4\n");

  expect_nothing_lost_or_repeated();
  EXPECT_EQ(study.workers.size(), 4u);
  const auto overlap = [](const log::Attempt& first, const log::Attempt& next) { return next.start.time < first.end->time; };
  EXPECT_NE(std::ranges::adjacent_find(study.attempts, overlap), study.attempts.end());
}

TEST_F(PausedPrograms, AreChangedWhereTheyWaitByPlateau) {
  run(command("waits"), "algorithm = plateau\npatience = 2\nmin_delta = 100\nparameter = x\n");

  expect_nothing_lost_or_repeated();
  expect_sums_to_be_taken_over();
}

std::string plugin(const std::string& style) {
  return concat("type = plugin\nlibrary = ", REGATTA_CPP_PLUGIN, "\n[space]\nbatch = int(1, 50)\nstyle = choice(", style, ")\n");
}

TEST_F(PausedPrograms, MayBePlugInsOfBothStyles) {
  run(plugin("function, class"), promotion);
  expect_nothing_lost_or_repeated();

  for (const std::string style : {"function", "class"}) {
    directory = folder / style;
    run(plugin(style), population + "mutate = batch\n");
    expect_nothing_lost_or_repeated();
  }
}

TEST_F(PausedPrograms, MayBePlugInsOnTeamsOfRanks) {
  ranks = 5;
  run(concat("type = plugin\nlibrary = ", REGATTA_TEAM_PLUGIN, "\n[space]\nx = uniform(1, 2)\n[workers]\nranks_per_trial = 2\n"),
      promotion);

  expect_nothing_lost_or_repeated();
  for (const search::TrialReported& report : study.reports)
    EXPECT_NEAR(report.value, 3 * report.epoch * study.history[report.trial].config[0], 1e-9);
}

/// Trials of 1, 2 and 4 workers at once.
class Widths : public PausedPrograms {
 protected:
  void run_widths(const std::string& objective, const std::string& trials, const std::string& metric = "value") {
    folder.write("x.ini", concat("[study]\nmetric = ", metric, "\ntrials = ", trials, "\n[objective]\n", objective));
    const support::ProcessResult result =
        support::run_process(support::mpirun(9, {REGATTA_BINARY, "run", (folder / "x.ini").string(),
                                                 "log.directory=" + directory.string()}));
    ASSERT_EQ(result.exit_code, 0) << result;
    study = log::read_study(directory);
    const std::size_t index = *study.space.index_of("ranks_per_trial");
    std::multimap<double, int> changes;
    std::set<double> widths;
    for (const log::Attempt& attempt : study.attempts) {
      const int workers = 1 + static_cast<int>(attempt.partners.size());
      widths.insert(workers);
      const space::Value stated = study.space.value(study.history[attempt.start.trial].config, index);
      EXPECT_EQ(workers, std::get<std::int64_t>(stated)) << attempt.start.trial.value;
      changes.emplace(attempt.end->time, -workers);
      changes.emplace(attempt.start.time, workers);
    }
    EXPECT_EQ(widths, (std::set<double>{1, 2, 4}));
    int busy = 0;
    for (const auto& [time, change] : changes) EXPECT_LE(busy += change, 8);
  }
  static constexpr const char* space = "[space]\nx = uniform(0, 9)\nranks_per_trial = choice(1, 2, 4)\n";
};

TEST_F(Widths, KeepRealRanksBusy) {
  run_widths(concat("type = function\nfunction = levy\nsleep = uniform(0.05, 0.15)\n[space]\nx1 = uniform(-1, 1)\nx2 = uniform(-1, 1)\n"
                    "ranks_per_trial = choice(1, 2, 4)\n"), "120");

  EXPECT_EQ(study.history.count(TrialState::Completed), 120u);
  RecordProperty("utilisation", concat(report::utilisation_of(study).total.utilisation()));
}

TEST_F(Widths, TrainNetworksLikeOneRank) {
  const std::string training = concat("type = network\ndata = ", REGATTA_SOURCE_DIR, "/inputs/data/digits.h5\nlayers = 2\nunits = 24\n"
                                      "activation = gelu\noptimizer = sgd\nmomentum = 0.9\nepochs = 3\n[space]\n"
                                      "learning_rate = loguniform(1e-3, 1e-2)\nranks_per_trial = ");
  run_widths(training + "choice(1, 2, 4)\n", "9", "val_loss");
  folder.write("alone.ini", concat("[study]\nmetric = val_loss\ntrials = 9\n[objective]\n", training, "constant(1)\n"));
  const auto result = support::run_process({REGATTA_BINARY, "run", (folder / "alone.ini").string(),
                                            "log.directory=" + (folder / "alone").string()});
  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study alone = log::read_study(folder / "alone");

  for (const search::Trial& trial : study.history.trials()) {
    const search::Trial& same = alone.history[trial.id];
    ASSERT_EQ(trial.config[0], same.config[0]);
    EXPECT_NEAR(trial.objective, same.objective, 1e-4 * same.objective) << trial.id.value;
  }
}

TEST_F(Widths, ReachProgramsWhichMayBeMpirun) {
  run_widths(concat("type = command\ncommand = ", REGATTA_MPIEXEC,
                    " --allow-run-as-root --oversubscribe --bind-to none -n {ranks} sh -c '[ $OMPI_COMM_WORLD_RANK != 0 ] || echo "
                    "regatta: value=$OMPI_COMM_WORLD_SIZE'\n", space), "9");

  for (const search::Trial& trial : study.history.trials())
    EXPECT_EQ(std::to_string(static_cast<int>(trial.objective)), study.space.text(trial.config).substr(study.space.text(trial.config).size() - 1));
}

TEST_F(Widths, ReachPlugInsWithTheCommunicatorOfTheirTeam) {
  run_widths(concat("type = plugin\nlibrary = ", REGATTA_TEAM_PLUGIN, "\nepochs = 3\n", space), "24");

  for (const search::Trial& trial : study.history.trials()) {
    const double width = std::pow(2, trial.config[1]);
    EXPECT_NEAR(trial.objective, 3 * width * (width + 1) / 2 * trial.config[0], 1e-9) << trial.id.value;
  }
}

}  // namespace
}  // namespace regatta
