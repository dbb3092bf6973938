#include <gmock/gmock.h>
#include <unistd.h>

#include <sstream>

#include "log/sample_study.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/json.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/best.hpp"
#include "regatta/report/csv.hpp"
#include "regatta/report/progress.hpp"
#include "regatta/report/report.hpp"
#include "regatta/report/table.hpp"
#include "support/process.hpp"

namespace regatta::report {
namespace {

using search::not_a_number;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

log::Study sample_study(search::StudyHeader header = log::sample_header()) {
  log::Study study(std::move(header));
  for (search::Event& event : log::sample_events()) study.record(std::move(event));
  study.directory = "runs/digits";
  return study;
}

log::Study ended_study() {
  log::Study study = sample_study();
  study.record(search::JobEnded{1020, "budget spent"});
  study.status = log::RunStatus{log::RunState::Complete, "budget spent", "node1", 12, 1000, 1020};
  return study;
}

void expect_narrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(characters(line), 100u) << line;
}

TEST(StatusText, TellsOfARunInProgress) {
  log::Study study = sample_study();
  study.status = log::RunStatus{log::RunState::Running, "", host_name(), ::getpid(), 1000, 1019.5};

  const std::string text = status_text(study, 1020);

  EXPECT_THAT(text, HasSubstr("digits in runs/digits"));
  EXPECT_THAT(text, HasSubstr("RUNNING on " + host_name()));
  EXPECT_THAT(text, HasSubstr("last sign of life 500 ms ago"));
  EXPECT_THAT(text, HasSubstr("5: 1 queued, 1 running, 2 completed, 1 failed (1 crash)"));
  EXPECT_THAT(
      text,
      HasSubstr("3/60 done, 1 running, 1 failed | best 0.95 (trial 2) | 9 trials/min | ETA 6 min 20 s"));
  EXPECT_THAT(text,
              HasSubstr("trial 2, val_accuracy = 0.95 +- 0.01: learning_rate=0.02 layers=3 optimizer=adam"));
  EXPECT_THAT(text, HasSubstr("NVIDIA H200  3         9.0 s ago"));
  expect_narrow(text);
}

TEST(StatusText, TellsThatARunWasKilled) {
  log::Study study = sample_study();
  study.status = log::RunStatus{log::RunState::Running, "", "elsewhere", 1, 1000, 1019.5};

  EXPECT_THAT(status_text(study, 1200), AllOf(HasSubstr("no sign of life since"), HasSubstr("3 min 01 s ago"),
                                              HasSubstr("16.4 trials/min"), Not(HasSubstr("ETA"))));
  study.status.reset();
  EXPECT_THAT(status_text(study, 1200),
              AllOf(HasSubstr("no sign of life since"), HasSubstr("3 min 09 s ago")));
}

TEST(StatusText, TellsHowARunEnded) {
  EXPECT_THAT(status_text(ended_study(), 1080),
              AllOf(HasSubstr("COMPLETE: budget spent"), HasSubstr("1 min 00 s ago")));
}

TEST(StatusText, ShowsTheWorkersThatWereSilentLongest) {
  log::Study study(log::sample_header());
  for (int i = 0; i < 100; ++i)
    study.record(search::WorkerJoined{{i}, i, 1, 1, 2000.0 - i, "node", "cpu", ""});

  const std::string text = status_text(study, 2000);

  EXPECT_THAT(text, AllOf(HasSubstr("20 of 100"), HasSubstr("\n      99 "), Not(HasSubstr("\n      10 "))));
}

TEST(StatusText, WorksBeforeTheFirstTrial) {
  EXPECT_THAT(status_text(log::Study(log::sample_header()), 1.75e9), HasSubstr("0/60 done, 0 running"));
}

TEST(BestText, IsAnInputFileForTheBestTrial) {
  search::StudyHeader header = log::sample_header();
  header.used_inputs =
      "[study]\nname = digits\ntrials = 60\n\n[space]\nlayers = int(1, 3)\n[constraints]\nsmall = layers < "
      "3\n"
      "[trial]\nlayers = 1\n[log]\ndirectory = runs/digits\nsync = second\n";

  const std::string text = best_text(sample_study(header), BestFormat::Ini);

  EXPECT_THAT(text, StartsWith("# Trial 2 of study 'digits', the best: val_accuracy = 0.95"));
  EXPECT_THAT(text, HasSubstr("seed 9"));
  EXPECT_THAT(text,
              testing::EndsWith("[study]\nname = digits\ntrials = 1\n\n[log]\ndirectory = runs/digits-best\n"
                                "sync = second\n\n[space]\nlearning_rate = constant(0.02)\n"
                                "layers = constant(3)\noptimizer = constant(\"adam\")\n"));
}

TEST(BestText, GivesASpaceOfExactlyThatConfiguration) {
  const std::string text = best_text(sample_study(), BestFormat::Ini);
  std::vector<space::Definition> definitions;
  std::istringstream lines(text.substr(text.find("[space]") + 8));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    definitions.push_back(
        {std::string(trim(line.substr(0, equals))), std::string(trim(line.substr(equals + 1))), {}});
  }

  Problems problems;
  const space::Space space = space::Space::parse(definitions, {}, problems);

  EXPECT_THAT(problems, testing::IsEmpty());
  EXPECT_EQ(space.text(std::vector<double>(3, 0.0)), "learning_rate=0.02 layers=3 optimizer=adam");
}

TEST(BestText, IsJson) {
  const Json json = Json::parse(best_text(sample_study(), BestFormat::Json));

  EXPECT_EQ(json["trial"], 2);
  EXPECT_EQ(json["objective"], 0.95);
  EXPECT_EQ(json["parameters"], Json::parse(R"({"learning_rate": 0.02, "layers": 3, "optimizer": "adam"})"));
}

TEST(BestText, IsSafeInAShell) {
  search::StudyHeader header;
  header.space = {{"kind", "choice(\"it's $HOME; x\", 5)"}, {"rate", "uniform(0, 1)"}};
  log::Study study(header);
  study.record(search::TrialCreated{{0}, search::Origin::Searcher, 1, 0, {}, 1, {0, 0.25}});
  study.record(search::TrialEnded{
      {0}, search::TrialState::Completed, search::Reason::None, 1, not_a_number, 1, 0, 1, 0, 0, 2, {}, ""});

  const std::string text = best_text(study, BestFormat::Shell);
  const auto shell =
      support::run_process({"sh", "-c", text + "echo \"$REGATTA_PARAM_kind|$REGATTA_PARAM_rate\""});

  EXPECT_EQ(shell.out, "it's $HOME; x|0.25\n") << text;
}

TEST(BestText, NeedsATrialThatSucceeded) {
  EXPECT_THAT([] { best_text(log::Study(log::sample_header()), BestFormat::Json); },
              ThrowsMessage<InvalidInput>(HasSubstr("no trial of 'digits' has succeeded")));
}

TEST(ReportText, ShowsTheBestTrialsInOrder) {
  const std::string text = report_text(ended_study());

  EXPECT_THAT(text, MatchesRegex("(.|\n)*\n      2  0.95 \\+- 0.01 +5  3.0 s +0.02 +3 +adam +-\n"
                                 "      0 +0.9 +2  4.0 s +0.01 +2 +adam +-\n(.|\n)*"));
  EXPECT_THAT(text, HasSubstr("COMPLETE: budget spent"));
  EXPECT_THAT(text, HasSubstr("5: 1 queued, 1 running, 2 completed, 1 failed (1 crash)"));
  EXPECT_THAT(text, HasSubstr("where time went"));
  expect_narrow(text);
}

TEST(ReportText, ListsTheParametersOfAWideSpace) {
  search::StudyHeader header;
  for (int i = 0; i < 30; ++i) header.space.emplace_back("parameter_" + std::to_string(i), "uniform(0, 1)");
  log::Study study(header);
  study.record(
      search::TrialCreated{{0}, search::Origin::Searcher, 1, 0, {}, 1, space::Config(30, 0.123456789)});
  study.record(search::TrialEnded{
      {0}, search::TrialState::Completed, search::Reason::None, 1, not_a_number, 1, 0, 1, 0, 0, 2, {}, ""});

  const std::string text = report_text(study);

  EXPECT_THAT(text, HasSubstr("parameter_29=0.123456789"));
  expect_narrow(text);
}

TEST(ReportText, WorksOnAnEmptyStudy) {
  EXPECT_THAT(report_text(log::Study(log::sample_header())), HasSubstr("none has succeeded"));
}

TEST(SummaryText, TellsTheEndAndHowToReproduceTheBest) {
  const std::string text = summary_text(ended_study());

  EXPECT_THAT(text, HasSubstr("COMPLETE: budget spent, after 20.0 s"));
  EXPECT_THAT(text, HasSubstr("trial 2: val_accuracy = 0.95 +- 0.01"));
  EXPECT_THAT(text, HasSubstr("learning_rate = 0.02\n"));
  EXPECT_THAT(text, HasSubstr("optimizer     = adam\n"));
  EXPECT_THAT(text, Not(HasSubstr("momentum")));
  EXPECT_THAT(text, HasSubstr("regatta best runs/digits > best.ini && regatta run best.ini"));
  EXPECT_THAT(text, HasSubstr("of the slot time spent training"));
  EXPECT_THAT(text, HasSubstr("runs/digits/regatta.h5"));
  expect_narrow(text);
}

TEST(SummaryText, TellsHowManyProposalsWereFilledIn) {
  log::Study study = sample_study();
  EXPECT_THAT(summary_text(study), Not(HasSubstr("filled in")));

  study.record(search::Note{search::filled_note, {3, 5}});
  EXPECT_THAT(summary_text(study), HasSubstr("filled in    1 proposal of a simpler searcher, while sobol took"));
  study.record(search::Note{search::filled_note, {4, 6}});

  EXPECT_EQ(study.filled_in, (std::vector{TrialId{3}, TrialId{4}}));
  EXPECT_THAT(summary_text(study), HasSubstr("2 proposals"));
  EXPECT_THAT(report_text(study), HasSubstr("took longer than search.time_limit"));
}

TEST(SummaryText, TellsHowTeamsHaveAddedUpGradients) {
  log::Study study = ended_study();
  EXPECT_THAT(summary_text(study), Not(HasSubstr("gradients")));
  for (const auto& [worker, how] : {std::pair{0.0, 1.0}, {1.0, 2.0}, {0.0, 2.0}, {2.0, 1.0}})
    study.record(search::Note{log::Study::sums_note, {worker, how}});
  EXPECT_THAT(summary_text(study), HasSubstr("added up in the memory of their node (2 teams), by messages (1 team)"));
  for (const auto& [worker, how] : {std::pair{0.0, 3.0}, {1.0, 4.0}, {2.0, 5.0}})
    study.record(search::Note{log::Study::sums_note, {worker, how}});
  EXPECT_THAT(summary_text(study), HasSubstr("by NCCL (1 team), by MPI in the memory of GPUs (1 team), by way of the hosts"));
  study.record(search::Note{log::Study::sums_note, {0.0, 6.0}});
  EXPECT_THAT(summary_text(study), HasSubstr("in the memory of their nodes and by messages between them (1 team)"));
}

/// That of the last job, where it chose them.
TEST(StatusText, TellsTheLanesOfTheRanks) {
  log::Study study = sample_study();
  EXPECT_THAT(status_text(study, 0), Not(HasSubstr("\nlanes")));
  study.record(search::Note{log::Study::lanes_note, {1}});
  EXPECT_THAT(status_text(study, 0),
              HasSubstr("\nlanes     1 of each rank (by objective, shapes and trials)\n"));
  study.record(search::Note{log::Study::lanes_note, {8, 1, 21000, 8, 123456}});
  EXPECT_THAT(status_text(study, 0),
              HasSubstr("8 of each rank (probe: 1: 21 k steps/s, 8: 123 k steps/s)\n"));
  study.record(search::JobStarted{});
  EXPECT_THAT(status_text(study, 0), Not(HasSubstr("\nlanes")));
}

TEST(Csv, QuotesWhatNeedsQuotes) {
  EXPECT_EQ(csv_cell("plain text"), "plain text");
  EXPECT_EQ(csv_cell(""), "");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_cell(" blank"), "\" blank\"");
}

TEST(Csv, HoldsOneRowPerTrial) {
  std::ostringstream out;
  write_csv(sample_study(), out);

  std::istringstream lines(out.str());
  std::vector<std::string> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(line);

  EXPECT_THAT(
      rows,
      ElementsAre(
          "trial,state,reason,origin,objective,standard_error,epochs,attempt,worker,lane,t_queued,t_start,t_"
          "end,seconds,seed,"
          "parent,exit_code,params_learning_rate,params_layers,params_optimizer,params_momentum,message",
          "0,completed,none,user,0.9,,2,1,0,0,1001,1001,1005,4,7,,0,0.01,2,adam,,",
          "1,failed,crash,searcher,,,0,1,1,0,1001,1001,1003,2,8,,139,0.1,1,sgd,0.9,\"signal 11, \"\"core\"\" "
          "dumped\"",
          "2,completed,none,searcher,0.95,0.01,5,1,0,0,1005,1007,1010,3,9,0,0,0.02,3,adam,,",
          "3,running,none,searcher,,,0,1,1,0,1010,1011,,0,10,,0,0.03,1,sgd,0.5,",
          "4,queued,none,searcher,,,0,0,,0,1012,,,0,11,,0,0.04,1,sgd,0.25,"));
}

TEST(Progress, CountsOnlyThisJobsTrialsForThePace) {
  const log::Study study = sample_study();

  const Progress first = progress_of(study.history, 60, 30);
  const Progress resumed = progress_of(study.history, 60, 30, 2);
  const Progress endless = progress_of(study.history, 0, 30);

  EXPECT_EQ(first.done, 3u);
  EXPECT_DOUBLE_EQ(first.trials_per_minute, 6);
  EXPECT_DOUBLE_EQ(first.eta, 570);
  EXPECT_DOUBLE_EQ(resumed.trials_per_minute, 2);
  EXPECT_TRUE(std::isnan(endless.eta));
  EXPECT_EQ(progress_line(endless), "3 done, 1 running, 1 failed | best 0.95 (trial 2) | 6 trials/min");
}

TEST(Progress, KnowsNoPaceAtTheStart) {
  EXPECT_EQ(progress_line(progress_of(search::History(true), 60, 0)), "0/60 done, 0 running");
}

TEST(TrialLine, IsFollowedByTheLastLinesOfAProgramThatFailed) {
  search::Trial trial;
  trial.message = "exit code 3\nTraceback:\n  no luck";

  EXPECT_EQ(failure_lines(trial), "    Traceback:\n      no luck\n");
  trial.message = "signal 11";
  EXPECT_EQ(failure_lines(trial), "");
}

TEST(TrialLine, TellsHowATrialEnded) {
  const log::Study study = sample_study();
  const auto line = [&](int id) {
    return trial_line(study.header, study.space, study.history, study.history[{id}]);
  };

  EXPECT_THAT(line(2),
              AllOf(StartsWith("["),
                    HasSubstr("] trial 2 completed: val_accuracy = 0.95 +- 0.01, 5 epochs in 3.0 s, "
                              "learning_rate=0.02 layers=3 optimizer=adam; best is trial 2 with 0.95")));
  EXPECT_THAT(line(1),
              HasSubstr("trial 1 failed (crash): signal 11, \"core\" dumped, in 2.0 s, learning_rate=0.1"));
}

}  // namespace
}  // namespace regatta::report
