// What is asked of a run directory afterwards: status, report, best, export, enqueue.

#include <algorithm>

#include "regatta/core/file.hpp"
#include "regatta/core/json.hpp"
#include "program.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using support::ProcessResult;
using testing::HasSubstr;

/// A finished study of 20 trials over numbers and words.
class RunDirectory : public testing::Test {
 protected:
  void SetUp() override {
    folder.write(
        "x.ini",
        "[objective]\ntype = function\nfunction = sphere\n[study]\ntrials = 20\n[space]\nx = uniform(-5, 5)\n"
        "kind = choice(none, few, \"two words\")\nextra = int(1, 9) if kind == none\n");
    const ProcessResult run = regatta({"run", "x.ini"}, here);
    ASSERT_EQ(run.exit_code, 0) << run;
  }
  ProcessResult ask(std::vector<std::string> words) const { return regatta(std::move(words), here); }

  support::TemporaryFolder folder;
  support::ProcessOptions here{.cwd = folder.path()};
};

TEST_F(RunDirectory, ShowsStatusAndReport) {
  const ProcessResult status = ask({"status", "runs/x"}), report = ask({"report", "runs/x"});

  EXPECT_EQ(status.exit_code, 0) << status;
  EXPECT_THAT(status.out, HasSubstr("COMPLETE"));
  EXPECT_EQ(report.exit_code, 0) << report;
  EXPECT_THAT(report.out, HasSubstr("20 completed"));
}

TEST_F(RunDirectory, IsShownAsAPage) {
  const ProcessResult page = ask({"report", "runs/x", "--html", "page.html"});

  EXPECT_EQ(page.exit_code, 0) << page;
  EXPECT_THAT(read_file(folder.path() / "page.html"), HasSubstr("<title>trial 19, completed"));
}

TEST_F(RunDirectory, GivesTheBestAsAnInputThatRunsAgain) {
  const ProcessResult best = ask({"best", "runs/x"});
  folder.write("best.ini", best.out);

  const ProcessResult again = ask({"run", "best.ini"});

  EXPECT_EQ(best.exit_code, 0) << best;
  EXPECT_EQ(again.exit_code, 0) << again;
  const Json first = Json::parse(ask({"best", "runs/x", "--format", "json"}).out);
  const Json second = Json::parse(ask({"best", "runs/x-best", "--format=json"}).out);
  EXPECT_EQ(first.at("objective"), second.at("objective"));
  EXPECT_EQ(first.at("parameters"), second.at("parameters"));
}

TEST_F(RunDirectory, GivesTheBestToShells) {
  const ProcessResult best = ask({"best", "runs/x", "--format", "shell"});
  folder.write("best.sh", best.out + "echo \"$REGATTA_PARAM_kind\"\n");

  const ProcessResult sourced = support::run_process({"sh", "best.sh"}, here);

  EXPECT_EQ(sourced.exit_code, 0) << sourced;
  const Json expected =
      Json::parse(ask({"best", "runs/x", "--format", "json"}).out).at("parameters").at("kind");
  EXPECT_EQ(sourced.out, (expected.is_string() ? expected.get<std::string>() : expected.dump()) + "\n");
}

TEST_F(RunDirectory, ExportsTablesThatAnotherStudyTriesFirst) {
  const ProcessResult csv = ask({"export", "runs/x", "--csv", "trials.csv"});
  folder.write("best.json", ask({"best", "runs/x", "--format", "json"}).out);

  const ProcessResult all = ask({"check", "x.ini", "study.initial=trials.csv"});
  const ProcessResult best = ask({"check", "x.ini", "study.initial=best.json"});

  EXPECT_EQ(csv.exit_code, 0) << csv;
  EXPECT_THAT(all.out, HasSubstr("Tried first: 20 configurations")) << all;
  EXPECT_THAT(best.out, HasSubstr("Tried first: 1 configuration")) << best;
}

TEST_F(RunDirectory, ExportsToStandardOutputAndToHdf5) {
  const ProcessResult csv = ask({"export", "runs/x", "--csv", "-"});
  const ProcessResult h5 = ask({"export", "runs/x", "--h5", "again.h5"});

  EXPECT_EQ(std::ranges::count(csv.out, '\n'), 21);
  EXPECT_EQ(h5.exit_code, 0) << h5;
  EXPECT_GT(std::filesystem::file_size(folder / "again.h5"), 1000u);
  EXPECT_EQ(ask({"export", "runs/x"}).err, "regatta: error: regatta export needs --csv FILE, --h5 FILE or --weights FILE\n");
  EXPECT_THAT(ask({"export", "runs/x", "--weights", "w.h5"}).err, HasSubstr("has kept no weights"));
}

TEST_F(RunDirectory, TakesNothingMoreWhenTheRunIsOver) {
  const ProcessResult result = ask({"enqueue", "runs/x", "x=1", "kind=few"});

  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err,
            "regatta: error: the run in runs/x is over (COMPLETE): nobody would try another configuration\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "runs/x/enqueue.jsonl"));
}

TEST_F(RunDirectory, ChecksWhatIsEnqueuedAgainstTheSpace) {
  EXPECT_THAT(ask({"enqueue", "runs/x", "z=1"}).err, HasSubstr("'z'"));
  EXPECT_THAT(ask({"enqueue", "runs/x", "x=9", "kind=few"}).err,
              HasSubstr("'x' = 9 lies outside uniform(-5, 5)"));
  EXPECT_THAT(ask({"enqueue", "runs/x", "x"}).err, HasSubstr("expected NAME=VALUE, got 'x'"));
}

TEST_F(RunDirectory, KeepsTheUsedInputsAsAnInputOfTheSameStudy) {
  std::filesystem::copy_file(folder / "runs/x/used_inputs.ini", folder / "used.ini");

  const ProcessResult check = ask({"check", "used.ini"});

  EXPECT_EQ(check.exit_code, 0) << check;
  EXPECT_THAT(check.out, HasSubstr("20 trials"));
}

TEST(NoRunDirectory, IsBadInputForEveryCommand) {
  const support::TemporaryFolder folder;
  const std::string nowhere = (folder / "none").string();
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"status", nowhere},
                                             {"report", nowhere},
                                             {"best", nowhere},
                                             {"export", nowhere, "--csv", "-"},
                                             {"enqueue", nowhere, "x=1"}}) {
    const ProcessResult result = regatta(words);
    EXPECT_EQ(result.exit_code, 2) << result;
    EXPECT_THAT(result.err, HasSubstr(nowhere));
  }
}

TEST(Schedule, OfTheBestTrainingIsReplayedOnAFreshTrial) {
  const support::TemporaryFolder folder;
  const support::ProcessOptions here{.cwd = folder.path()};
  const ProcessResult pbt =
      regatta({"run", REGATTA_SOURCE_DIR "/inputs/digits_pbt.ini", "study.seed=2", "study.trials=6",
               "objective.epochs=8", "objective.units=16", "scheduler.algorithm=pb2", "scheduler.interval=1",
               "scheduler.quantile=0.5", "workers.prefetch=0", "log.directory=pbt"},
              here);
  ASSERT_EQ(pbt.exit_code, 0) << pbt;
  const ProcessResult best = regatta({"best", "pbt"}, here);
  folder.write("best.ini", best.out);
  ASSERT_THAT(best.out, HasSubstr("algorithm = replay\nschedule = "));

  const ProcessResult again =
      regatta({"run", "best.ini", "objective.data=" REGATTA_SOURCE_DIR "/inputs/data/digits.h5"}, here);

  ASSERT_EQ(again.exit_code, 0) << again;
  EXPECT_THAT(again.out, HasSubstr("1 completed"));
  const std::string schedule = best.out.substr(best.out.find("schedule = "));
  const ProcessResult of_replay = regatta({"best", "pbt-best"}, here);
  EXPECT_THAT(of_replay.out, HasSubstr(schedule)) << "what it was trained with is what was recorded";
}

}  // namespace
}  // namespace regatta
