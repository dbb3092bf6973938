// `regatta simulate` as people type it.
#include <gmock/gmock.h>

#include "regatta/core/file.hpp"
#include "program.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using support::ProcessResult;
using testing::HasSubstr;
using testing::Not;

class Simulate : public testing::Test {
 protected:
  ProcessResult regatta(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), REGATTA_BINARY);
    return support::run_process(arguments, {.cwd = folder.path()});
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder / name); }

  support::TemporaryFolder folder;
};

TEST_F(Simulate, RunsShippedFunctionsAndTablesIntoADirectoryLikeThatOfARun) {
  for (const std::string name : {"branin", "sleep", "table"}) {
    const ProcessResult result =
        regatta({"simulate", inputs + name + ".ini", "study.trials=40", "--workers", "16"});
    const std::string directory = "runs/" + name + "-simulated";

    ASSERT_EQ(result.exit_code, 0) << result;
    EXPECT_THAT(result.out, HasSubstr("40: 40 completed"));
    EXPECT_THAT(result.out, HasSubstr("on 16 workers"));
    EXPECT_THAT(result.out, HasSubstr("of CPU per proposal"));
    EXPECT_FALSE(exists("runs/" + name)) << "the place of the real run";
    for (const char* file : {"journal.bin", "regatta.h5", "status.json", "used_inputs.ini"})
      EXPECT_TRUE(exists(directory + "/" + file)) << file;
    EXPECT_THAT(regatta({"report", directory}).out, HasSubstr("COMPLETE: budget spent"));
    EXPECT_EQ(regatta({"best", directory}).exit_code, 0);
    ASSERT_EQ(regatta({"export", directory, "--csv", name + ".csv"}).exit_code, 0);
    EXPECT_THAT(read_file(folder / (name + ".csv")), HasSubstr("completed"));
  }
}

TEST_F(Simulate, IsTheSameEachTime) {
  const auto best = [&] {
    const ProcessResult result =
        regatta({"simulate", inputs + "sleep.ini", "study.trials=300", "objective.noise=1", "--no-log"});
    return result.out.substr(0, result.out.find("simulated in"));
  };

  EXPECT_EQ(best(), best());
  EXPECT_THAT(best(), HasSubstr("300: 300 completed"));
}

TEST_F(Simulate, WritesNothingWhenToldSo) {
  const ProcessResult result =
      regatta({"simulate", inputs + "branin.ini", "study.trials=10", "search.batch=5", "--no-log"});

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, Not(HasSubstr("results")));
  EXPECT_FALSE(exists("runs"));
}

TEST_F(Simulate, EndsWhereTheFirstTrialsAllFail) {
  const ProcessResult result = regatta({"simulate", inputs + "branin.ini", "objective.fail_rate=1",
                                        "study.max_failures=6", "--workers", "2", "--no-log"});

  EXPECT_EQ(result.exit_code, 4) << result;
  EXPECT_THAT(result.out, HasSubstr("the first 6 trials have all failed: "));
}

TEST_F(Simulate, TellsWhatItCannotDo) {
  const ProcessResult network = regatta({"simulate", inputs + "iris.ini"});
  const ProcessResult endless = regatta({"simulate", inputs + "branin.ini", "study.trials=unlimited"});

  EXPECT_EQ(network.exit_code, 2) << network;
  EXPECT_THAT(network.err, HasSubstr("'network' really trains and cannot be simulated"));
  EXPECT_EQ(endless.exit_code, 2) << endless;
  EXPECT_FALSE(exists("runs"));
  EXPECT_EQ(regatta({"simulate", inputs + "branin.ini", "--workers", "0"}).exit_code, 2);
}

TEST_F(Simulate, EndsAtTheWallTimeInVirtualTime) {
  const ProcessResult result = regatta({"simulate", inputs + "sleep.ini", "study.trials=unlimited",
                                        "objective.sleep=1h", "study.walltime=10h", "--workers", "3"});

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("30 completed"));
  EXPECT_THAT(regatta({"status", "runs/sleep-simulated"}).out, HasSubstr("INTERRUPTED"));
}

TEST_F(Simulate, ImportsTheTableThatItUses) {
  folder.write("c.csv", "x,loss_a,loss_b\n1,3,5\n2,1,2\n4,9,9\n");
  folder.write("t.ini", "[study]\ntrials = 4\n[objective]\ntype = table\ntable = t.h5\nmatch = exact\n");

  const ProcessResult imported =
      regatta({"import", "curves", "c.csv", "t.h5", "repeats=loss_*", "metric=loss"});
  const ProcessResult result = regatta({"simulate", "t.ini", "--workers", "2"});

  ASSERT_EQ(imported.exit_code, 0) << imported;
  EXPECT_THAT(
      imported.out,
      HasSubstr("t.h5: 3 configurations of 1 parameters, 2 repeats, without seconds\n  x = int(1, 4)\n"));
  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("4: 3 completed, 1 failed (1 invalid)"));
  EXPECT_THAT(result.out, HasSubstr("loss = 1.5 +- 0.5"));
}

TEST_F(Simulate, ComparesSettingsOverVirtualTime) {
  const ProcessResult result =
      regatta({"simulate", inputs + "branin.ini", "study.trials=30", "objective.epochs=9",
               "objective.sleep=9", "--seeds", "3", "--compare",
               "scheduler.algorithm=fifo; scheduler.algorithm=asha scheduler.variant=promotion"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("scheduler.algorithm=fifo"));
  EXPECT_THAT(result.out, HasSubstr("scheduler.variant=promotion"));
  EXPECT_THAT(result.out, HasSubstr("100 % of the time"));
  EXPECT_THAT(result.out, HasSubstr("bbb"));
  EXPECT_FALSE(exists("runs"));
  EXPECT_EQ(regatta({"simulate", inputs + "branin.ini", "--compare", "asha"}).exit_code, 2);
}

TEST_F(Simulate, ReplaysARecordedStudyUnderAnotherScheduler) {
  ASSERT_EQ(regatta({"simulate", inputs + "branin.ini", "study.trials=30", "objective.epochs=9", "objective.sleep=9"}).exit_code, 0);

  const ProcessResult result = regatta({"simulate", inputs + "digits.ini", "scheduler.algorithm=asha", "--replay",
                                        "runs/branin-simulated", "--workers", "16"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("30: "));
  EXPECT_THAT(result.out, HasSubstr("stopped"));
  EXPECT_THAT(result.out, HasSubstr("on 16 workers"));
  EXPECT_EQ(regatta({"simulate", inputs + "branin.ini", "--replay", "nowhere"}).exit_code, 2);
}

TEST_F(Simulate, TakesLatencyAndUnequalWorkersIntoAccount) {
  const auto simulated = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"simulate", inputs + "sleep.ini", "study.trials=200", "--no-log"});
    return regatta(more).out;
  };

  EXPECT_THAT(simulated({}), HasSubstr("utilisation  100.0 %"));
  EXPECT_THAT(simulated({"--latency", "250ms"}), Not(HasSubstr("utilisation  100.0 %")));
  EXPECT_NE(simulated({}), simulated({"--speed-spread", "0.5"}));
  EXPECT_THAT(simulated({"--charge"}), HasSubstr("waiting at once"));
  EXPECT_THAT(simulated({"--failures", "10s", "--repair", "1s"}), HasSubstr(" of workers\n"));
  EXPECT_THAT(
      simulated({"--report-interval", "1s", "workers.in_flight=auto", "workers.move_stragglers=true"}),
      HasSubstr("200: 200 completed"));
}

TEST_F(Simulate, DividesWorkersAmongFewTrialsByAStatedEfficiency) {
  const std::vector<std::string> two{"simulate",           inputs + "sleep.ini",  "study.trials=2",
                                     "objective.sleep=10", "objective.epochs=10", "workers.elastic=true",
                                     "--no-log",           "--workers=8"};
  std::vector<std::string> perfect = two;
  perfect.push_back("--team-efficiency=1");

  EXPECT_THAT(regatta(two).out, HasSubstr("virtual      2.9 s on 8 workers"));
  EXPECT_THAT(regatta(perfect).out, HasSubstr("virtual      2.5 s on 8 workers"));
}

TEST_F(Simulate, PreviewsHowFarTrialsTrainBeforeAJobStarts) {
  const ProcessResult result =
      regatta({"check", inputs + "digits_asha.ini", "--preview", "--epoch-time", "2s"});

  ASSERT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("2.0 s per epoch"));
  EXPECT_THAT(result.out, HasSubstr("device hours"));
  EXPECT_THAT(result.out, HasSubstr("27 "));
}

}  // namespace
}  // namespace regatta
