// The real binary with a tree of `ais`, shared or not.

#include <algorithm>
#include <csignal>

#include "regatta/core/text.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/log/study_reader.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using search::TrialState;
using support::ProcessResult;
using testing::HasSubstr;

const std::string branin = std::string(REGATTA_SOURCE_DIR) + "/inputs/branin.ini";

class TreeJob : public testing::Test {
 protected:
  std::vector<std::string> command(const std::vector<std::string>& overrides) const {
    std::vector<std::string> argv{REGATTA_BINARY, "run", branin, "log.directory=" + directory.string(),
                                  "search.algorithm=ais"};
    argv.insert(argv.end(), overrides.begin(), overrides.end());
    return argv;
  }
  ProcessResult run(int ranks, const std::vector<std::string>& overrides) const {
    return support::run_process(support::mpirun(ranks, command(overrides)), {.timeout_s = 150});
  }
  log::Study study() const { return log::read_study(directory); }

  support::TemporaryFolder folder;
  std::filesystem::path directory = folder.path() / "run";
};

TEST_F(TreeJob, GrowsATreeThatIsStoredAndReported) {
  const ProcessResult result = run(4, {"study.trials=60"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_LT(study().history[*study().history.incumbent()].objective, 1);
  const h5::File file = h5::File::open(directory / "regatta.h5");
  const auto visits = file.read_integers("/search/ais/nodes/visits");
  EXPECT_GE(visits.size(), 3u);
  EXPECT_EQ(visits.front(), 60);
  const ProcessResult report = support::run_process({REGATTA_BINARY, "report", directory.string()}, {});
  EXPECT_THAT(report.out, HasSubstr("the way to the best result"));
}

std::ptrdiff_t words_of_the_best_trial(const ProcessResult& result) {
  return std::ranges::count_if(split(result.out + result.err, '\n'), [](const std::string& line) {
    return line.find("told of trial ") != std::string::npos;
  });
}

TEST_F(TreeJob, TellsAllWorkersOfTheBestTrialOncePerInterval) {
  const std::vector<std::string> options{"study.trials=60", "log.verbosity=3", "objective.sleep=0.02"};
  const auto with = [&](const std::string& interval) {
    std::vector<std::string> all = options;
    all.push_back("search.incumbent_interval=" + interval);
    directory = folder.path() / interval;
    return run(4, all);
  };

  EXPECT_EQ(words_of_the_best_trial(with("1h")), 3) << "the first one, to three workers";
  EXPECT_GT(words_of_the_best_trial(with("1ms")), 3);
}

class DividedTreeJob : public TreeJob, public testing::WithParamInterface<int> {};

TEST_P(DividedTreeJob, FindsTheMinimum) {
  const ProcessResult result =
      run(4 + GetParam(), {concat("search.controllers=", GetParam()), "search.split=8", "study.trials=120"});

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study finished = study();
  EXPECT_EQ(finished.history.count(TrialState::Completed), 120u);
  EXPECT_EQ(finished.history.distinct(), 120u);
  EXPECT_EQ(finished.workers.size(), 3u) << "rank 0 steers, the others have the tree";
  EXPECT_LT(finished.history[*finished.history.incumbent()].objective, 0.45) << "the minimum is 0.398";
}

INSTANTIATE_TEST_SUITE_P(SubControllers, DividedTreeJob, testing::Values(2, 4));

std::vector<search::Config> configs(const log::Study& study) {
  std::vector<search::Config> all;
  for (const search::Trial& trial : study.history.trials()) all.push_back(trial.config);
  return all;
}

/// One process, so that reports come in one order.
TEST_F(TreeJob, IsTheSameOnEveryRunAndAfterAKill) {
  const std::vector<std::string> options{"study.trials=60",      "search.deterministic=true",
                                         "search.local_from=20", "search.split=8",
                                         "log.verbosity=2",      "objective.sleep=0.002"};
  ASSERT_EQ(support::run_process(command(options)).exit_code, 0);
  const std::vector<search::Config> whole = configs(study());

  directory = folder.path() / "again";
  ASSERT_EQ(support::run_process(command(options)).exit_code, 0);
  EXPECT_EQ(configs(study()), whole);

  directory = folder.path() / "killed";
  support::ChildProcess child(command(options), {.timeout_s = 60});
  ASSERT_TRUE(child.wait_for_output("trial 30 "));
  child.kill_group(SIGKILL);
  child.wait();
  ASSERT_LT(configs(study()).size(), 60u);
  const ProcessResult resumed = support::run_process({REGATTA_BINARY, "resume", directory.string()});
  ASSERT_EQ(resumed.exit_code, 0) << resumed;
  EXPECT_EQ(configs(study()), whole);
}

}  // namespace
}  // namespace regatta
