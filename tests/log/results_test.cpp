#include <gmock/gmock.h>

#include "regatta/core/error.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/log/study_reader.hpp"
#include "sample_study.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::log {
namespace {

using support::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::NanSensitiveDoubleEq;

/// regatta.h5 of the sample study, open for reading.
class Results : public testing::Test {
 protected:
  static h5::File written(const Study& study, const std::filesystem::path& path) {
    write_results(study, path);
    return h5::File::open(path);
  }

  TemporaryFolder folder_;
  h5::File file_ = written(sample_study(), folder_ / "regatta.h5");
};

auto is_row(const std::vector<double>& values) {
  std::vector<testing::Matcher<double>> matchers;
  for (const double value : values) matchers.push_back(NanSensitiveDoubleEq(value));
  return testing::ElementsAreArray(matchers);
}

TEST_F(Results, SayAtTheirRootWhatMadeThem) {
  EXPECT_EQ(file_.text_attribute("/", "regatta_schema"), "1.0");
  EXPECT_EQ(file_.text_attribute("/", "software"), "regatta");
  EXPECT_EQ(file_.text_attribute("/", "mpi"), "Open MPI 4.1.4");
  EXPECT_EQ(file_.text_attribute("/", "used_inputs"), sample_header().used_inputs);
  EXPECT_EQ(file_.text_attribute("/", "input_hash"), "0123456789abcdef");
  EXPECT_EQ(file_.text_attribute("/", "metric"), "val_accuracy");
  EXPECT_EQ(file_.text_attribute("/", "direction"), "maximize");
  EXPECT_EQ(file_.text_attribute("/", "state"), "RUNNING");
  EXPECT_EQ(file_.text_attribute("/", "command_line"), "regatta run inputs/digits.ini");
  for (const char* name :
       {"version", "git_commit", "compiler", "hdf5", "run_uuid", "host", "launcher", "job_id", "date",
        "file_update_time", "seed", "searcher", "scheduler", "objective", "study", "reason"})
    EXPECT_TRUE(file_.has_attribute("/", name)) << name;
}

TEST_F(Results, HoldOneRowPerParameter) {
  EXPECT_THAT(file_.read_strings("/space/name"),
              ElementsAre("learning_rate", "layers", "optimizer", "momentum"));
  EXPECT_THAT(file_.read_integers("/space/kind"), ElementsAre(1, 6, 8, 0));
  EXPECT_THAT(file_.text_attribute("/space/kind", "names"), HasSubstr("0=uniform;1=loguniform;"));
  EXPECT_THAT(file_.read_doubles("/space/low"), is_row({1e-4, 1, nan, 0}));
  EXPECT_THAT(file_.read_doubles("/space/high"), is_row({0.1, 3, nan, 0.99}));
  EXPECT_THAT(file_.read_strings("/space/choices"), ElementsAre("", "", R"(["sgd","adam"])", ""));
  EXPECT_THAT(file_.read_strings("/space/condition"), ElementsAre("", "", "", "optimizer == sgd"));
  EXPECT_EQ(file_.text_attribute("/space", "constraints"), "small = layers < 3 or learning_rate < 0.05\n");
}

TEST_F(Results, HoldOneRowPerTrial) {
  EXPECT_THAT(file_.read_integers("/trials/trial"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(file_.read_integers("/trials/state"), ElementsAre(3, 5, 3, 1, 0));
  EXPECT_EQ(file_.text_attribute("/trials/state", "names"),
            "0=queued;1=running;2=paused;3=completed;4=stopped;5=failed;6=cancelled");
  EXPECT_THAT(file_.read_doubles("/trials/objective"), is_row({0.9, nan, 0.95, nan, nan}));
  EXPECT_THAT(file_.read_doubles("/trials/standard_error"), is_row({nan, nan, 0.01, nan, nan}));
  EXPECT_THAT(file_.read_doubles("/trials/t_end"), is_row({1005, 1003, 1010, nan, nan}));
  EXPECT_EQ(file_.text_attribute("/trials/t_end", "units"), "s since 1970-01-01T00:00:00Z");
  EXPECT_THAT(file_.read_integers("/trials/exit_code"), ElementsAre(0, 139, 0, 0, 0));
  EXPECT_THAT(file_.read_integers("/trials/reason"), ElementsAre(0, 3, 0, 0, 0));
  EXPECT_THAT(file_.read_integers("/trials/origin"), ElementsAre(1, 0, 0, 0, 0));
  EXPECT_THAT(file_.read_integers("/trials/parent"), ElementsAre(-1, -1, 0, -1, -1));
  EXPECT_THAT(file_.read_integers("/trials/worker"), ElementsAre(0, 1, 0, 1, -1));
  EXPECT_EQ(file_.read_strings("/trials/message")[1], "signal 11, \"core\" dumped");
  for (const char* name :
       {"epochs", "attempt", "lane", "t_queued", "t_start", "seconds", "seed", "events_seen"})
    EXPECT_THAT(file_.shape(std::string("/trials/") + name), ElementsAre(5)) << name;
}

TEST_F(Results, HoldEachParameterInItsOwnUnit) {
  EXPECT_THAT(file_.read_doubles("/trials/params/learning_rate"), is_row({0.01, 0.1, 0.02, 0.03, 0.04}));
  EXPECT_THAT(file_.read_doubles("/trials/params/layers"), is_row({2, 1, 3, 1, 1}));
  EXPECT_THAT(file_.read_integers("/trials/params/optimizer"), ElementsAre(1, 0, 1, 0, 0));
  EXPECT_EQ(file_.text_attribute("/trials/params/optimizer", "categories"), R"(["sgd","adam"])");
  EXPECT_THAT(file_.read_doubles("/trials/params/momentum"), is_row({nan, 0.9, nan, 0.5, 0.25}));
}

TEST_F(Results, HoldTheScoresOfFolds) {
  EXPECT_THAT(file_.shape("/trials/fold_scores"), ElementsAre(5, 2));
  EXPECT_THAT(file_.read_doubles("/trials/fold_scores"),
              is_row({nan, nan, nan, nan, 0.94, 0.96, nan, nan, nan, nan}));
}

TEST_F(Results, HoldWhatTheSearcherPromisedWhereItDid) {
  Study study = sample_study();
  study.record(search::Note{search::gain_note, {4, 0.125}});

  const h5::File promising = written(study, folder_ / "promising.h5");

  EXPECT_THAT(promising.read_doubles("/trials/promised_gain"), is_row({nan, nan, nan, nan, 0.125}));
}

TEST_F(Results, HoldHowHyperparametersChangedDuringATraining) {
  using namespace search;
  Study study = sample_study();
  study.record(TrialEnded{{3}, TrialState::Paused, Reason::None, 0.5, nan, 3, 0, 2, 0, 0, 1013, {}, ""});
  study.record(TrialChanged{{3}, 3, {2}, 1013, {0.02, 3, 1, nan}});

  const h5::File changed = written(study, folder_ / "changed.h5");

  EXPECT_THAT(changed.read_integers("/changes/trial"), ElementsAre(3, 3));
  EXPECT_THAT(changed.read_integers("/changes/epoch"), ElementsAre(0, 3));
  EXPECT_THAT(changed.read_integers("/changes/donor"), ElementsAre(-1, 2));
  EXPECT_THAT(changed.read_doubles("/changes/params/learning_rate"), ElementsAre(0.03, 0.02));
  EXPECT_THAT(changed.read_integers("/trials/parent"), ElementsAre(-1, -1, 0, 2, -1));
}

TEST_F(Results, HoldTheTreeOfAis) {
  Study study = sample_study();
  study.header.searcher = "ais";

  const h5::File tree = written(study, folder_ / "tree.h5");

  EXPECT_FALSE(file_.exists("/search"));
  EXPECT_THAT(tree.read_strings("/search/ais/nodes/part"), ElementsAre("everything"));
  EXPECT_THAT(tree.read_integers("/search/ais/nodes/parent"), ElementsAre(-1));
  EXPECT_THAT(tree.read_integers("/search/ais/nodes/visits"), ElementsAre(2)) << "the first failed";
  EXPECT_THAT(tree.read_integers("/search/ais/nodes/in_flight"), ElementsAre(2));
  EXPECT_THAT(tree.read_doubles("/search/ais/nodes/probability"), ElementsAre(1));
}

TEST_F(Results, HoldEveryReport) {
  EXPECT_THAT(file_.read_integers("/reports/trial"), ElementsAre(0, 0));
  EXPECT_THAT(file_.read_integers("/reports/epoch"), ElementsAre(1, 2));
  EXPECT_THAT(file_.read_doubles("/reports/value"), ElementsAre(0.5, 0.9));
  EXPECT_THAT(file_.read_doubles("/reports/time"), ElementsAre(1003, 1005));
  EXPECT_THAT(file_.read_doubles("/reports/metrics/val_loss"), ElementsAre(1.25, 0.25));
  EXPECT_THAT(file_.read_doubles("/reports/metrics/train_loss"), ElementsAre(1.5, 0.5));
}

TEST_F(Results, HoldTheTimelineWorkersAndJobs) {
  EXPECT_THAT(file_.read_integers("/timeline/kind"), ElementsAre(3, 0, 2, 3, 0, 1, 0));
  EXPECT_EQ(file_.text_attribute("/timeline/kind", "names"), "0=train;1=wait;2=communicate;3=load");
  EXPECT_THAT(file_.read_strings("/workers/host"), ElementsAre("node1", "node2"));
  EXPECT_THAT(file_.read_strings("/workers/device_uuid"), ElementsAre("", "GPU-1"));
  EXPECT_THAT(file_.read_doubles("/workers/last_seen"), ElementsAre(1010, 1011));
  EXPECT_THAT(file_.read_strings("/jobs/job_id"), ElementsAre("4711"));
  EXPECT_THAT(file_.read_doubles("/jobs/t_end"), is_row({nan}));
  EXPECT_THAT(file_.read_strings("/jobs/lanes"), ElementsAre(""));

  Study study = sample_study();
  study.record(search::Note{Study::lanes_note, {16, 1, 600, 16, 3.14e6, 64, 0}});
  EXPECT_THAT(
      written(study, folder_ / "lanes.h5").read_strings("/jobs/lanes"),
      ElementsAre("16 of each rank (probe: 1: 600 steps/s, 16: 3.14 M steps/s, 64: do not fit into memory)"));
}

TEST_F(Results, AreReplacedAsAWhole) {
  write_results(Study(sample_header()), folder_ / "regatta.h5");

  EXPECT_THAT(h5::File::open(folder_ / "regatta.h5").shape("/trials/state"), ElementsAre(0));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
            1);  // no temporary file is left
}

TEST_F(Results, CutLongMessagesBetweenCharacters) {
  Study study = sample_study();
  std::string message = "x";
  for (int i = 0; i < 200; ++i) message += "ä";
  study.record(search::TrialEnded{
      {3}, search::TrialState::Failed, search::Reason::Crash, nan, nan, 0, 1, 1, 0, 0, 1020, {}, message});

  write_results(study, folder_ / "long.h5");

  EXPECT_EQ(h5::File::open(folder_ / "long.h5").read_strings("/trials/message")[3], message.substr(0, 199));
}

TEST_F(Results, SayWhereTheyCannotBeWritten) {
  EXPECT_THROW(write_results(sample_study(), folder_ / "absent" / "regatta.h5"), SystemFailure);
}

// The reader that the README shows, with the h5py and pandas of the distribution.
TEST_F(Results, AreReadByThePythonOfTheReadme) {
  const auto python = [](const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"/usr/bin/python3"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return support::run_process(command);
  };
  if (python({"-c", "import h5py, pandas"}).exit_code != 0) GTEST_SKIP() << "no python3 with h5py and pandas";

  const std::string script = R"(
import sys
sys.path.insert(0, sys.argv[1])
from read_results import read_trials
t = read_trials(sys.argv[2])
assert list(t["state"]) == ["completed", "failed", "completed", "running", "queued"], t
assert list(t["reason"])[1] == "crash", t
assert list(t["objective"][[0, 2]]) == [0.9, 0.95] and t["objective"].isna().sum() == 3, t
assert list(t["params_learning_rate"]) == [0.01, 0.1, 0.02, 0.03, 0.04], t
assert list(t["params_optimizer"]) == ["adam", "sgd", "adam", "sgd", "sgd"], t
assert t["params_momentum"].isna().sum() == 2, t
assert t.sort_values("objective", ascending=False)["trial"].iloc[0] == 2, t
)";
  const std::string reader = REGATTA_SOURCE_DIR "/tests/support";
  const std::string file = (folder_ / "regatta.h5").string();
  const support::ProcessResult values = python({"-c", script, reader, file});
  const support::ProcessResult printed = python({reader + "/read_results.py", file});

  EXPECT_EQ(values.exit_code, 0) << values;
  EXPECT_EQ(printed.exit_code, 0) << printed;
  EXPECT_THAT(printed.out,
              testing::AllOf(HasSubstr("params_learning_rate"), HasSubstr("adam"), HasSubstr("0.95")));
}

}  // namespace
}  // namespace regatta::log
