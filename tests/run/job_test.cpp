// The real binary under mpirun: whole studies, and everything that may end one early.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "regatta/core/file.hpp"
#include "regatta/core/json.hpp"
#include "regatta/core/random.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/log/study_reader.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using search::TrialState;
using support::ProcessResult;
using testing::HasSubstr;

class JobTest : public testing::Test {
 protected:
  std::vector<std::string> command(const std::string& input, std::vector<std::string> overrides) const {
    std::vector<std::string> argv{REGATTA_BINARY, "run", input, "log.directory=" + directory.string()};
    argv.insert(argv.end(), overrides.begin(), overrides.end());
    return argv;
  }
  static std::string shipped(const std::string& name) { return std::string(REGATTA_SOURCE_DIR) + "/inputs/" + name; }
  /// Writes an input file into the folder.
  std::string written(const std::string& text) const {
    const auto file = folder.path() / "test.ini";
    std::ofstream(file) << text;
    return file.string();
  }
  ProcessResult run(int ranks, const std::string& input, std::vector<std::string> overrides = {}) const {
    return support::run_process(support::mpirun(ranks, command(input, std::move(overrides))), {.timeout_s = 150});
  }
  log::Study study() const { return log::read_study(directory); }
  Json status() const { return Json::parse(read_file(directory / "status.json")); }

  support::TemporaryFolder folder;
  std::filesystem::path directory = folder.path() / "run";
};

std::set<search::Config> points(const search::History& history) {
  std::set<search::Config> configs;
  for (const search::Trial& trial : history.trials()) configs.insert(trial.config);
  return configs;
}

TEST_F(JobTest, TunesOverManyRanks) {
  const ProcessResult result = run(5, shipped("branin.ini"), {"study.trials=300"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(study().history.count(TrialState::Completed), 300u);
  EXPECT_EQ(points(study().history).size(), 300u);
  EXPECT_EQ(study().workers.size(), 4u);
  EXPECT_EQ(status().at("state"), "COMPLETE");
  EXPECT_EQ(h5::File::open(directory / "regatta.h5").read_doubles("/trials/objective").size(), 300u);
  EXPECT_THAT(result.out, HasSubstr("best"));
}

TEST_F(JobTest, TunesInOneProcessWithoutALauncher) {
  const ProcessResult result = support::run_process(command(shipped("branin.ini"), {"study.trials=50"}));

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(study().history.count(TrialState::Completed), 50u);
}

TEST_F(JobTest, LetsRank0TrainToo) {
  ASSERT_EQ(run(3, shipped("branin.ini"), {"study.trials=90", "workers.rank0=true"}).exit_code, 0);

  const log::Study done = study();
  EXPECT_EQ(done.workers.size(), 3u);
  EXPECT_EQ(done.history.count(TrialState::Completed), 90u);
  std::set<WorkerId> busy;
  for (const search::Trial& trial : done.history.trials()) busy.insert(trial.worker);
  EXPECT_EQ(busy.size(), 3u);
}

TEST_F(JobTest, GivesTheSameTrialsForTheSameSeed) {
  ASSERT_EQ(run(2, shipped("branin.ini"), {"study.trials=40"}).exit_code, 0);
  const log::Study first = study();
  directory = folder.path() / "again";
  ASSERT_EQ(run(4, shipped("branin.ini"), {"study.trials=40"}).exit_code, 0);

  const log::Study second = study();
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(first.history[TrialId{i}].config, second.history[TrialId{i}].config);
    EXPECT_EQ(first.history[TrialId{i}].objective, second.history[TrialId{i}].objective);
  }
}

TEST_F(JobTest, TurnsATrialsExceptionIntoAFailedTrial) {
  const ProcessResult result = run(3, shipped("branin.ini"), {"study.trials=20", "objective.fault=throw", "objective.fault_trial=7"});

  ASSERT_EQ(result.exit_code, 0) << result;
  const search::History history = study().history;
  EXPECT_EQ(history.count(TrialState::Completed), 19u);
  EXPECT_EQ(history[TrialId{7}].state, TrialState::Failed);
  EXPECT_EQ(history[TrialId{7}].reason, search::Reason::Crash);
  EXPECT_FALSE(history[TrialId{7}].message.empty());
}

TEST_F(JobTest, EndsWithExitCode4WhenNoTrialSucceeds) {
  const ProcessResult result = run(3, shipped("branin.ini"), {"study.trials=6", "objective.fail_rate=1"});

  EXPECT_EQ(result.exit_code, 4) << result;
  EXPECT_EQ(study().history.count(TrialState::Failed), 6u);
}

TEST_F(JobTest, EndsTheJobAndNamesRankAndCauseWhenAWorkerBreaks) {
  const ProcessResult result = run(4, shipped("sleep.ini"), {"study.trials=50", "objective.sleep=0.1", "objective.fault=worker",
                                                             "objective.fault_trial=5"});

  EXPECT_EQ(result.exit_code, 1) << result;
  EXPECT_FALSE(result.timed_out);
  EXPECT_THAT(result.err, testing::ContainsRegex("regatta: error: rank [1-3] on .*break this worker"));
  EXPECT_GE(study().history.trials().size(), 5u);
}

TEST_F(JobTest, RefusesADataFileThatIsCutInHalf) {
  const auto whole = read_file(shipped("data/digits.h5"));
  std::ofstream(folder.path() / "half.h5", std::ios::binary) << whole.substr(0, whole.size() / 2);

  const ProcessResult result = run(3, shipped("digits.ini"), {"objective.data=" + (folder.path() / "half.h5").string()});

  EXPECT_EQ(result.exit_code, 2) << result;
  EXPECT_THAT(result.err, HasSubstr("half.h5"));
  EXPECT_THAT(result.err, HasSubstr("truncated"));
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST_F(JobTest, SaysThatItsDirectoryCannotBeWritten) {
  std::ofstream(folder.path() / "file") << "in the way";  // root may write everywhere but below a file
  directory = folder.path() / "file" / "run";

  const ProcessResult result = run(3, shipped("branin.ini"));

  EXPECT_EQ(result.exit_code, 3) << result;
  EXPECT_THAT(result.err, HasSubstr(directory.string()));
}

TEST_F(JobTest, NeverOverwritesARun) {
  ASSERT_EQ(run(2, shipped("branin.ini"), {"study.trials=5"}).exit_code, 0);
  const std::string journal = read_file(directory / "journal.bin");

  const ProcessResult result = run(2, shipped("branin.ini"), {"study.trials=5"});

  EXPECT_EQ(result.exit_code, 2) << result;
  EXPECT_THAT(result.err, HasSubstr(directory.string()));
  EXPECT_EQ(read_file(directory / "journal.bin"), journal);
}

TEST_F(JobTest, RefusesToBeOneOfManyLoneProcesses) {
  const ProcessResult result =
      support::run_process(command(shipped("branin.ini"), {}), {.environment = {{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}}});

  EXPECT_EQ(result.exit_code, 3) << result;
}

TEST_F(JobTest, StopsWithAllStateSavedOnASignal) {
  support::ChildProcess child(support::mpirun(3, command(shipped("sleep.ini"), {"study.trials=500"})), {.timeout_s = 60});
  while (child.running() && !std::filesystem::exists(directory / "status.json"))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::this_thread::sleep_for(std::chrono::seconds(2));
  child.kill(SIGUSR2);
  const ProcessResult result = child.wait();

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(status().at("state"), "INTERRUPTED");
  const search::History history = study().history;
  EXPECT_GT(history.count(TrialState::Completed), 0u);
  EXPECT_EQ(history.count(TrialState::Running), 0u);
  EXPECT_EQ(history.count(TrialState::Queued), 2u) << "called in, to be run again by a later job";
}

TEST_F(JobTest, StopsAtItsWallTime) {
  const ProcessResult result = run(3, shipped("sleep.ini"), {"study.trials=500", "study.walltime=2s"});

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(status().at("state"), "INTERRUPTED");
  EXPECT_THAT(result.out, HasSubstr("wall time"));
}

TEST_F(JobTest, TakesTrialsThatAreEnqueuedWhileItRuns) {
  support::ChildProcess child(support::mpirun(3, command(shipped("sleep.ini"), {"study.trials=12", "objective.sleep=0.5"})),
                              {.timeout_s = 60});
  while (child.running() && !std::filesystem::exists(directory / "status.json"))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const ProcessResult enqueued =
      support::run_process({REGATTA_BINARY, "enqueue", directory.string(), "x1=0.5", "x2=0.25"});
  const ProcessResult result = child.wait();

  ASSERT_EQ(enqueued.exit_code, 0) << enqueued;
  ASSERT_EQ(result.exit_code, 0) << result;
  int users = 0;
  const log::Study done = study();
  for (const search::Trial& trial : done.history.trials())
    if (trial.origin == search::Origin::User) {
      ++users;
      EXPECT_EQ(trial.config, (search::Config{0.5, 0.25}));
      EXPECT_EQ(trial.state, TrialState::Completed);
    }
  EXPECT_EQ(users, 1);
}

TEST_F(JobTest, TriesTheUsersConfigurationsFirst) {
  const std::string input = written(
      "[study]\ntrials = 5\n[space]\nx = uniform(-5, 10)\ny = uniform(0, 15)\n"
      "[objective]\ntype = function\nfunction = branin\n[trial]\nx = 1\ny = 2\n[trial]\nx = 3\ny = 4\n");
  ASSERT_EQ(run(2, input).exit_code, 0);

  const log::Study done = study();
  const auto& trials = done.history.trials();
  ASSERT_EQ(trials.size(), 5u);
  EXPECT_EQ(trials[0].config, (search::Config{1, 2}));
  EXPECT_EQ(trials[1].config, (search::Config{3, 4}));
  EXPECT_EQ(trials[0].origin, search::Origin::User);
  EXPECT_EQ(trials[2].origin, search::Origin::Searcher);
}

TEST_F(JobTest, TriesEveryPointOfAGridOnce) {
  const std::string input = written(
      "[study]\ntrials = unlimited\n[space]\nx = grid(1, 2, 3)\ny = grid(0, 5)\n"
      "[objective]\ntype = function\nfunction = branin\n[search]\nalgorithm = grid\n");
  const ProcessResult result = run(4, input);

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(points(study().history).size(), 6u);
  EXPECT_EQ(study().history.trials().size(), 6u);
}

TEST_F(JobTest, GoesOnWhereAKilledJobWasAndRepeatsNothing) {
  support::ChildProcess child(support::mpirun(3, command(shipped("sleep.ini"), {"study.trials=30", "objective.sleep=0.1", "log.verbosity=2"})),
                              {.timeout_s = 60});
  ASSERT_TRUE(child.wait_for_output("trial 8 "));
  child.kill_group(SIGKILL);
  child.wait();
  const auto rank0 = status().at("pid").get<pid_t>();  // mpirun's ranks outlive it by up to a second
  while (::kill(rank0, 0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const log::Study killed = study();
  ASSERT_LT(killed.history.count(TrialState::Completed), 30u);

  const ProcessResult result = support::run_process(support::mpirun(4, {REGATTA_BINARY, "resume", directory.string(), "study.trials=40"}));

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study whole = study();
  EXPECT_EQ(whole.history.count(TrialState::Completed), 40u);
  EXPECT_EQ(points(whole.history).size(), 40u);
  EXPECT_EQ(whole.jobs.size(), 2u);
  for (const search::Trial& trial : killed.history.trials()) {
    EXPECT_EQ(whole.history[trial.id].config, trial.config);
    EXPECT_TRUE(!search::is_final(trial.state) || whole.history[trial.id].attempt == trial.attempt) << "run again";
  }
  EXPECT_EQ(support::run_process({REGATTA_BINARY, "resume", directory.string(), "study.seed=9"}).exit_code, 2);
}

/// Each epoch of each trial stands in the log once, in order.
void expect_each_epoch_once(const log::Study& study) {
  std::vector<std::int32_t> epochs(study.history.trials().size(), 0);
  for (const search::TrialReported& report : study.reports)
    EXPECT_EQ(report.epoch, ++epochs[static_cast<std::size_t>(report.trial.value)]);
}

TEST_F(JobTest, SharesTheEpochsOfASmallGridByHyperband) {
  const ProcessResult result = run(3, shipped("grid_hyperband.ini"));

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study done = study();
  EXPECT_EQ(done.history.trials().size(), 6u);
  EXPECT_EQ(points(done.history).size(), 6u);
  std::multiset<std::int32_t> epochs;
  for (const search::Trial& trial : done.history.trials()) epochs.insert(trial.epochs);
  EXPECT_EQ(epochs, (std::multiset<std::int32_t>{1, 1, 1, 1, 3, 9}));
  EXPECT_EQ(done.history.count(TrialState::Completed), 1u);
  EXPECT_EQ(done.history.count(TrialState::Stopped), 5u);
  expect_each_epoch_once(done);
  EXPECT_FALSE(std::filesystem::exists(directory / "checkpoints")) << "no paused trial is left";
}

TEST_F(JobTest, PromotesTheBestOfPausedTrialsByAsha) {
  const ProcessResult result =
      run(4, shipped("digits_asha.ini"),
          {"study.trials=18", "objective.epochs=9", "space.layers=int(1, 1)", "space.units=logint(8, 16)"});

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study done = study();
  std::map<std::int32_t, int> by_epochs;
  for (const search::Trial& trial : done.history.trials()) ++by_epochs[trial.epochs];
  EXPECT_EQ(
      by_epochs[1] + by_epochs[3] + by_epochs[9] + static_cast<int>(done.history.count(TrialState::Failed)),
      18);
  EXPECT_GE(by_epochs[3] + by_epochs[9], 6) << "one of three goes on";
  EXPECT_GE(by_epochs[9], 1);
  expect_each_epoch_once(done);
}

TEST_F(JobTest, StopsWhatFallsBehindAfterItsGracePeriod) {
  const ProcessResult result =
      run(3, shipped("regression_asha.ini"), {"study.trials=8", "objective.epochs=16"});

  ASSERT_EQ(result.exit_code, 0) << result;
  const search::History history = study().history;
  EXPECT_GE(history.count(TrialState::Stopped), 1u);
  EXPECT_GE(history.count(TrialState::Completed), 1u);
  for (const search::Trial& trial : history.trials())
    EXPECT_TRUE(trial.epochs >= 5 || trial.state == TrialState::Failed) << trial.id.value;
}

TEST_F(JobTest, HandsWeightsFromRankToRankByPbtWithoutADisk) {
  const ProcessResult result =
      run(5, shipped("digits_pbt.ini"),
          {"objective.epochs=8", "objective.units=16", "scheduler.interval=1", "scheduler.quantile=0.5"});

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study done = study();
  EXPECT_EQ(done.history.trials().size(), 8u);
  EXPECT_EQ(done.history.count(TrialState::Completed), 8u);
  ASSERT_FALSE(done.changes.empty());
  for (const search::TrialChanged& change : done.changes) {
    EXPECT_NE(change.donor, change.trial);
    EXPECT_EQ(change.donor.valid(), change.epoch > 0) << "the first row of a trial is its beginning";
  }
  const h5::File file = h5::File::open(directory / "regatta.h5");
  EXPECT_EQ(file.read_doubles("/changes/params/learning_rate").size(), done.changes.size());
  EXPECT_FALSE(std::filesystem::exists(directory / "checkpoints"));
}

TEST_F(JobTest, GoesOnWithPausedTrialsAfterASignal) {
  const std::vector<std::string> options{"scheduler.algorithm=asha", "scheduler.variant=promotion",
                                         "study.trials=24",          "objective.epochs=9",
                                         "objective.sleep=0.9",      "log.verbosity=2"};
  support::ChildProcess child(support::mpirun(4, command(shipped("sleep.ini"), options)), {.timeout_s = 60});
  while (child.running() && !std::filesystem::exists(directory / "status.json"))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  while (child.running() && study().history.count(TrialState::Paused) < 5)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  child.kill(SIGUSR2);
  ASSERT_EQ(child.wait().exit_code, 0);
  const search::History stopped = study().history;
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory / "checkpoints"))
    ++files;
  EXPECT_GE(files, stopped.count(TrialState::Paused));

  const ProcessResult result =
      support::run_process(support::mpirun(3, {REGATTA_BINARY, "resume", directory.string()}));

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study whole = study();
  EXPECT_EQ(whole.history.trials().size(), 24u);
  EXPECT_GE(whole.history.count(TrialState::Completed), 1u);
  expect_each_epoch_once(whole);
  EXPECT_TRUE(std::filesystem::is_empty(directory / "checkpoints"));
}

/// Ranks that wait must not burn their cores.
TEST_F(JobTest, SleepsWhileItsTrialsRun) {
  support::ChildProcess child(support::mpirun(5, command(shipped("sleep.ini"), {"study.trials=16", "objective.sleep=1"})),
                              {.timeout_s = 60});
  const ProcessResult result = child.wait();
  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study done = study();

  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  const double start_up = 2.5;  // CPU seconds of mpirun and five MPI_Init
  const double tuning = done.attempts.back().end->time - done.attempts.front().start.time;
  EXPECT_LT(cpu - start_up, 0.05 * 5 * tuning) << "CPU " << cpu << " s in " << tuning << " s of tuning";
}

TEST_F(JobTest, FillsSlotsWhenASearcherThatLearnsTakesTooLong) {
  const ProcessResult result =
      run(3, shipped("branin.ini"),
          {"search.algorithm=bo", "search.raw_samples=100000", "study.trials=20", "search.time_limit=1ms"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out + result.err, HasSubstr("search: a proposal took longer than 1 ms"));
  const log::Study done = study();
  EXPECT_EQ(done.history.count(TrialState::Completed), 20u);
  EXPECT_EQ(done.history.distinct(), 20u);
  EXPECT_FALSE(done.filled_in.empty());
  for (const TrialId trial : done.filled_in)
    EXPECT_TRUE(std::ranges::none_of(done.promises, [&](const auto& each) { return each.trial == trial; }));
}

TEST_F(JobTest, LeavesRanksThatFillNoTeamAsleepUntilTheEnd) {
  const ProcessResult result = run(4, shipped("sleep.ini"), {"study.trials=4", "objective.sleep=0.5", "workers.ranks_per_trial=2"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("ranks without work (no GPU or no full team left for them): 3"));
  EXPECT_EQ(study().history.count(TrialState::Completed), 4u);
}

/// SIGKILL of the controller's whole job at 20 random moments: nothing that was acknowledged may be lost.
TEST_F(JobTest, LeavesAReadableStudyWhereverItIsKilled) {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    directory = folder.path() / ("kill" + std::to_string(round));
    support::ChildProcess child(
        support::mpirun(3, command(shipped("branin.ini"), {"study.trials=1000000", "log.snapshot=50ms", "log.verbosity=2"})),
        {.timeout_s = 60});
    ASSERT_TRUE(child.wait_for_output("trial 0 ")) << "round " << round;
    std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform() * 0.4));
    child.kill_group(SIGKILL);
    child.wait();

    const log::Study killed = study();
    // What rank 0 has printed was logged before.
    const std::string out = child.out();
    const std::size_t last_line = out.rfind("\n", out.size() - 2);
    const std::size_t at = out.rfind("] trial ", last_line);
    ASSERT_NE(at, std::string::npos);
    const int printed = std::stoi(out.substr(at + 8));
    EXPECT_TRUE(search::is_final(killed.history[TrialId{printed}].state)) << "round " << round;
    EXPECT_EQ(killed.history.count(TrialState::Completed), static_cast<std::size_t>(std::ranges::count_if(killed.attempts, [](const auto& a) { return a.end.has_value(); })));
    if (std::filesystem::exists(directory / "regatta.h5")) {
      const auto file = h5::File::open(directory / "regatta.h5");
      EXPECT_EQ(file.read_integers("/trials/state").size(), file.read_doubles("/trials/objective").size());
      EXPECT_LE(file.read_doubles("/trials/objective").size(), killed.history.trials().size());
    }
    EXPECT_EQ(support::run_process({REGATTA_BINARY, "best", directory.string()}).exit_code, 0);
  }
}

/// Every shipped example with a tiny budget.
class ShippedInput : public JobTest, public testing::WithParamInterface<std::string> {};

TEST_P(ShippedInput, Runs) {
  std::vector<std::string> tiny{"study.trials=3"};
  const std::string text = read_file(shipped(GetParam()));
  if (text.find("epochs") != std::string::npos) tiny.push_back("objective.epochs=2");

  const ProcessResult result = run(3, shipped(GetParam()), tiny);

  ASSERT_EQ(result.exit_code, 0) << result;
  const search::History history = study().history;
  EXPECT_EQ(history.count(TrialState::Completed) + history.count(TrialState::Stopped), 3u);
  EXPECT_GE(history.count(TrialState::Completed), 1u);
  EXPECT_EQ(support::run_process({REGATTA_BINARY, "check", shipped(GetParam())}).exit_code, 0);
  EXPECT_TRUE(text.starts_with("#")) << "an example opens with what it shows";
}

std::vector<std::string> shipped_inputs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(REGATTA_SOURCE_DIR) + "/inputs"))
    if (entry.path().extension() == ".ini") names.push_back(entry.path().filename().string());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ShippedInput, testing::ValuesIn(shipped_inputs()), [](const auto& example) {
  return example.param.substr(0, example.param.find('.'));
});

/// The learning rates are calm: where training is chaotic, the rounding of sums in another order grows without bound.
std::string calm_training(const std::string& data) {
  return "[study]\ntrials = 3\nmetric = val_loss\n[space]\nunits = int(8, 40)\nlearning_rate = loguniform(1e-3, 1e-2)\n"
         "[objective]\ndata = " + data + "\nlayers = 2\nactivation = gelu\ndropout = 0.2\n"
         "optimizer = sgd\nmomentum = 0.9\nepochs = 4\n";
}

/// The same training by teams of several ranks: replicas, and replicas that are divided by width or by depth.
TEST_F(JobTest, TrainsATeamLikeOneRank) {
  const std::string input = written(calm_training(shipped("data/digits.h5")));
  ASSERT_EQ(run(2, input).exit_code, 0);
  const log::Study alone = study();
  const std::string none = "workers.pipeline=1";
  for (const auto& [team, division] :
       {std::pair{2, none}, {3, none}, {4, std::string("workers.model_parallel=2")}, {4, std::string("workers.pipeline=2")}}) {
    directory = folder.path() / ("team" + std::to_string(team) + division);
    const ProcessResult result = run(1 + 2 * team, input, {"workers.ranks_per_trial=" + std::to_string(team), division});
    ASSERT_EQ(result.exit_code, 0) << result;

    const log::Study together = study();
    ASSERT_EQ(together.workers.size(), 2u);
    EXPECT_EQ(together.workers.front().joined.ranks, team);
    for (int i = 0; i < 3; ++i)
      EXPECT_NEAR(together.history[TrialId{i}].objective, alone.history[TrialId{i}].objective,
                  1e-4 * alone.history[TrialId{i}].objective);
  }
}

/// The first trial has all ranks until the second one is known, and again when that has failed.
TEST_F(JobTest, TrainsElasticTeamsLikeOneRank) {
  const std::string input = written(
      "[study]\ntrials = 1\nmetric = val_loss\n[space]\nlearning_rate = loguniform(1e-3, "
      "100)\n[objective]\ndata = " +
      shipped("data/digits.h5") +
      "\nlayers = 2\nunits = 24\nactivation = gelu\ndropout = 0.2\noptimizer = sgd\nmomentum = 0.9\n"
      "epochs = 30\n[trial]\nlearning_rate = 5e-3\n");
  const auto enqueue = [this] {
    std::filesystem::create_directory(directory);
    std::ofstream(directory / "enqueue.jsonl") << "{\"learning_rate\": 100}\n";
  };
  enqueue();
  ASSERT_EQ(support::run_process(command(input, {})).exit_code, 0);
  const log::Study alone = study();
  directory = folder.path() / "elastic";
  enqueue();
  const ProcessResult result = run(4, input, {"workers.elastic=true"});

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study elastic = study();
  ASSERT_EQ(elastic.history.trials().size(), 2u);
  std::map<TrialId, std::vector<std::size_t>> widths;
  for (const log::Attempt& attempt : elastic.attempts)
    widths[attempt.start.trial].push_back(1 + attempt.partners.size());
  EXPECT_EQ(widths[TrialId{0}].front(), 3u) << "there is nothing else to do";
  EXPECT_LT(widths[TrialId{0}].at(1), 3u) << "the other one needs a rank";
  EXPECT_LT(widths[TrialId{1}].front(), 3u);
  EXPECT_EQ(elastic.history[TrialId{0}].epochs, 30);
  EXPECT_EQ(elastic.history[TrialId{1}].reason, search::Reason::Diverged);
  const auto alone_again = [&](const search::TrialReported& report) {
    return report.trial == TrialId{0} && report.time > elastic.history[TrialId{1}].t_end;
  };
  if (std::ranges::count_if(elastic.reports, alone_again) >
      3) {  // unless the other one has been held up for long
    EXPECT_EQ(widths[TrialId{0}].back(), 3u);
  }
  std::map<std::pair<TrialId, std::int32_t>, double> values;
  for (const search::TrialReported& report : alone.reports)
    values[{report.trial, report.epoch}] = report.value;
  std::set<std::pair<TrialId, std::int32_t>> seen;
  for (const search::TrialReported& report : elastic.reports) {
    EXPECT_TRUE(seen.emplace(report.trial, report.epoch).second) << "no epoch is trained twice";
    const auto same = values.find({report.trial, report.epoch});
    ASSERT_NE(same, values.end());
    EXPECT_NEAR(report.value, same->second, 1e-4 * same->second);
  }
}

/// The lanes of a rank, or of the thread of rank 0, take turns; weights go from lane to lane where trials pause.
TEST_F(JobTest, TrainsTheSameOnLanesAsOneAfterTheOther) {
  const std::string input = written(calm_training(shipped("data/digits.h5")));
  const auto halving = [](const std::string& lanes) -> std::vector<std::string> {
    return {"scheduler.algorithm=sh", "study.trials=6", "objective.epochs=9", "workers.lanes=" + lanes};
  };
  ASSERT_EQ(run(2, input, halving("1")).exit_code, 0);
  const log::Study alone = study();
  directory = folder.path() / "lanes";
  ASSERT_EQ(run(2, input, halving("4")).exit_code, 0);
  const log::Study lanes = study();
  directory = folder.path() / "thread";
  ASSERT_EQ(support::run_process(command(input, halving("3"))).exit_code, 0);
  const log::Study thread = study();

  for (int i = 0; i < 6; ++i) {
    const search::Trial& one = alone.history[TrialId{i}];
    for (const log::Study* other : {&lanes, &thread}) {
      EXPECT_EQ(other->history[TrialId{i}].epochs, one.epochs);
      EXPECT_EQ(other->history[TrialId{i}].objective, one.objective) << "bit for bit";
    }
  }
}

TEST_F(JobTest, GivesEachLaneOfEachRankTrials) {
  const ProcessResult result =
      run(3, shipped("sleep.ini"), {"study.trials=100", "objective.sleep=0.2", "objective.epochs=9", "workers.lanes=4",
                                    "scheduler.algorithm=asha", "scheduler.variant=promotion"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("3 ranks: 8 workers: 2 ranks x 4 lanes"));
  const log::Study done = study();
  EXPECT_EQ(done.history.trials().size(), 100u);
  EXPECT_EQ(done.history.count(TrialState::Failed), 0u);
  std::set<std::pair<std::int32_t, std::int32_t>> busy;
  for (const log::Attempt& attempt : done.attempts)
    busy.emplace(done.workers[static_cast<std::size_t>(attempt.start.worker.value)].joined.rank, attempt.start.lane);
  EXPECT_EQ(busy.size(), 8u) << "ranks 1 and 2, lanes 0 to 3";
  expect_each_epoch_once(done);
  EXPECT_THAT(support::run_process({REGATTA_BINARY, "report", directory.string()}).out, HasSubstr("2 lane 3"));

  const ProcessResult resumed =
      support::run_process({REGATTA_BINARY, "resume", directory.string(), "study.trials=110", "workers.lanes=2"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed;
  EXPECT_EQ(study().history.trials().size(), 110u);
  EXPECT_EQ(study().workers.size(), 10u);
}

/// Which number is faster is the machine's affair; all ranks have to agree on it, and people learn it.
TEST_F(JobTest, TimesLanesOnARankThatWorksAndTellsTheChoice) {
  const std::vector<std::string> many{"study.trials=256", "objective.epochs=2", "workers.lanes=auto"};
  const ProcessResult result = run(3, shipped("iris.ini"), many);

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out,
              testing::ContainsRegex("\n  lanes +[0-9]+ of each rank \\(probe: 1: [0-9.]+ [kM] steps/s, "));
  const log::Study done = study();
  ASSERT_EQ(done.jobs.size(), 1u);
  EXPECT_THAT(result.out, HasSubstr(done.jobs[0].lanes));
  const int lanes = std::stoi(done.jobs[0].lanes);
  EXPECT_EQ(done.workers.size(), 2u * static_cast<std::size_t>(lanes));
  EXPECT_EQ(done.history.count(TrialState::Completed), 256u);
  EXPECT_THAT(support::run_process({REGATTA_BINARY, "status", directory.string()}).out,
              HasSubstr("\nlanes     "));

  const ProcessResult resumed = support::run_process(
      support::mpirun(2, {REGATTA_BINARY, "resume", directory.string(), "study.trials=600"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed;
  EXPECT_EQ(study().history.count(TrialState::Completed), 600u);
  ASSERT_EQ(study().jobs.size(), 2u);
  EXPECT_THAT(study().jobs[1].lanes, HasSubstr("(probe: 1: "));
}

TEST_F(JobTest, TellsThatRanksHaveOneLane) {
  ASSERT_EQ(
      run(2, shipped("digits.ini"), {"study.trials=2", "objective.epochs=1", "workers.lanes=auto"}).exit_code,
      0);
  EXPECT_EQ(study().jobs.at(0).lanes, "1 of each rank (by objective, shapes and trials)") << "wide networks";
  directory = folder.path() / "function";
  const ProcessResult result = run(2, shipped("branin.ini"), {"study.trials=20", "workers.lanes=auto"});
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("1 of each rank (by objective, shapes and trials)"));
  directory = folder.path() / "given";
  ASSERT_EQ(run(2, shipped("branin.ini"), {"study.trials=20"}).exit_code, 0);
  EXPECT_EQ(study().jobs.at(0).lanes, "");
}

/// Times differ from run to run.
TEST_F(JobTest, TimesNoLanesWhereItIsDeterministic) {
  ASSERT_EQ(run(2, shipped("iris.ini"),
                {"study.trials=128", "objective.epochs=1", "workers.lanes=auto", "search.deterministic=true"})
                .exit_code,
            0);

  EXPECT_EQ(study().jobs.at(0).lanes, "16 of each rank (by objective, shapes and trials)");
  EXPECT_EQ(study().workers.size(), 16u);
}

TEST_F(JobTest, PausesADividedNetworkAndGoesOnWithIt) {
  const std::string input = written(calm_training(shipped("data/digits.h5")));
  const std::vector<std::string> halving{"scheduler.algorithm=sh", "study.trials=6", "objective.epochs=9"};
  ASSERT_EQ(run(2, input, halving).exit_code, 0);
  const log::Study alone = study();
  directory = folder.path() / "divided";
  std::vector<std::string> divided = halving;
  divided.insert(divided.end(), {"workers.ranks_per_trial=2", "workers.model_parallel=2"});
  const ProcessResult result = run(3, input, divided);

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study together = study();
  ASSERT_EQ(together.history.trials().size(), 6u);
  for (int i = 0; i < 6; ++i) {
    const search::Trial &one = alone.history[TrialId{i}], &other = together.history[TrialId{i}];
    EXPECT_EQ(other.epochs, one.epochs);
    EXPECT_NEAR(other.objective, one.objective, 1e-4 * one.objective);
  }
  const auto went_on = [](const search::Trial& trial) { return trial.attempt > 1; };
  EXPECT_TRUE(std::ranges::any_of(together.history.trials(), went_on));
}

}  // namespace
}  // namespace regatta
