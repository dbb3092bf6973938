#include <gmock/gmock.h>

#include "regatta/core/error.hpp"
#include "regatta/log/journal.hpp"
#include "regatta/log/study_reader.hpp"
#include "sample_study.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::log {
namespace {

using support::TemporaryFolder;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Study, IsTheFoldOfItsEvents) {
  const Study study = sample_study();

  EXPECT_EQ(study.history.trials().size(), 5u);
  EXPECT_EQ(study.history.incumbent(), TrialId{2});
  EXPECT_EQ(study.history.count(search::TrialState::Queued), 1u);
  ASSERT_EQ(study.attempts.size(), 4u);
  EXPECT_EQ(study.attempts[0].start.trial, TrialId{0});
  EXPECT_EQ(study.attempts[1].end->exit_code, 139);
  EXPECT_FALSE(study.attempts[3].end.has_value());
  EXPECT_EQ(study.last_attempt[4], Study::no_attempt);
  EXPECT_EQ(study.reports.size(), 2u);
  ASSERT_EQ(study.workers.size(), 2u);
  EXPECT_EQ(study.workers[0].last_seen, 1010);
  EXPECT_EQ(study.workers[1].last_seen, 1011);
  ASSERT_EQ(study.jobs.size(), 1u);
  EXPECT_FALSE(study.jobs[0].end.has_value());
  EXPECT_EQ(study.space.size(), 4u);
}

TEST(Study, KeepsWhatTheSearcherPromisedBesideTheIncumbentOfThatTime) {
  Study study = sample_study();

  study.record(search::Note{search::gain_note, {4, 0.125}});

  ASSERT_EQ(study.promises.size(), 1u);
  EXPECT_EQ(study.promises[0].trial, TrialId{4});
  EXPECT_EQ(study.promises[0].gain, 0.125);
  EXPECT_EQ(study.promises[0].incumbent, 0.95);
  EXPECT_THAT([&] { study.record(search::Note{search::gain_note, {0}}); },
              ThrowsMessage<InvalidInput>(HasSubstr("2 values")));
}

TEST(Study, KeepsTheLastAttemptOfATrialThatEndsWhileItIsPaused) {
  using namespace search;
  Study study = sample_study();
  study.record(
      TrialEnded{{3}, TrialState::Paused, Reason::None, 0.5, not_a_number, 3, 0, 2, 0, 0, 1013, {}, ""});

  study.record(
      TrialEnded{{3}, TrialState::Stopped, Reason::None, 0.5, not_a_number, 3, 0, 0, 0, 0, 1099, {}, ""});

  EXPECT_EQ(study.attempts[3].end->time, 1013);
  EXPECT_EQ(study.history[TrialId{3}].state, TrialState::Stopped);
  EXPECT_EQ(study.history[TrialId{3}].seconds, 2);
}

TEST(Study, KeepsTheAttemptsOfAResumedTrialApart) {
  using namespace search;
  Study study = sample_study();

  study.record(
      TrialEnded{{3}, TrialState::Paused, Reason::None, 0.5, not_a_number, 3, 0, 2, 0, 0, 1013, {}, ""});
  study.record(JobEnded{1013, "signal"});
  study.record(JobStarted{2000, "node1", "4712", "mpirun", "regatta resume runs/digits", "abc1234"});
  study.record(TrialStarted{{3}, {0}, 0, 3, 9, 2001});
  study.record(
      TrialEnded{{3}, TrialState::Completed, Reason::None, 0.7, not_a_number, 9, 0, 4, 0, 0, 2006, {}, ""});

  ASSERT_EQ(study.attempts.size(), 5u);
  EXPECT_EQ(study.attempts[3].end->state, TrialState::Paused);
  EXPECT_EQ(study.attempts[4].end->state, TrialState::Completed);
  EXPECT_EQ(study.attempts[4].start.from_epoch, 3);
  ASSERT_EQ(study.jobs.size(), 2u);
  EXPECT_EQ(study.jobs[0].end->reason, "signal");
  EXPECT_FALSE(study.jobs[1].end.has_value());
}

TEST(Study, ReadsARunDirectory) {
  const TemporaryFolder folder;
  JournalWriter::create(folder / "journal.bin", sample_header()).write(sample_events());
  folder.write("status.json", R"({"state": "INTERRUPTED", "reason": "wall time", "host": "node1", "pid": 12,
                                  "started_seconds": 1000, "updated_seconds": 1013.5})");

  const Study study = read_study(folder.path());

  EXPECT_EQ(study.directory, folder.path());
  EXPECT_EQ(study.header.name, "digits");
  EXPECT_TRUE(study.history.maximize());
  EXPECT_EQ(study.history.trials().size(), 5u);
  ASSERT_TRUE(study.status.has_value());
  EXPECT_EQ(study.status->state, RunState::Interrupted);
  EXPECT_EQ(study.status->reason, "wall time");
  EXPECT_EQ(study.status->updated, 1013.5);
  EXPECT_FALSE(study.torn);
}

TEST(Study, DoesWithoutAReadableStatusFile) {
  const TemporaryFolder folder;
  JournalWriter::create(folder / "journal.bin", sample_header());
  folder.write("status.json", "{ \"state\": ");

  EXPECT_FALSE(read_study(folder.path()).status.has_value());
}

TEST(Study, SaysWhatIsNoRunDirectory) {
  const TemporaryFolder folder;

  EXPECT_THAT([&] { read_study(folder / "absent"); },
              ThrowsMessage<InvalidInput>(HasSubstr("no run directory")));
  EXPECT_THAT([&] { read_study(folder.path()); },
              ThrowsMessage<InvalidInput>(HasSubstr("has no journal.bin")));
}

TEST(Study, SaysThatALoggedSpaceCannotBeRead) {
  search::StudyHeader header = sample_header();
  header.space[0].second = "loguniform(0, 1)";

  EXPECT_THROW(Study{header}, InvalidInputs);
}

MATCHER_P6(IsSpan, worker, lane, trial, kind, t_start, t_end, "") {
  return arg.worker.value == worker && arg.lane == lane && arg.trial.value == trial && arg.kind == kind &&
         arg.t_start == t_start && arg.t_end == t_end;
}

// Worker 0 loads trial 0 in 1001..1002, trains to 1004.5, communicates to 1005; then it waits to 1007 for
// trial 2.
TEST(Timeline, FollowsFromTheFinishedAttempts) {
  const std::vector<Span> spans = timeline_of(sample_study());

  EXPECT_THAT(spans, testing::ElementsAre(IsSpan(0, 0, 0, SpanKind::Load, 1001, 1002),
                                          IsSpan(0, 0, 0, SpanKind::Train, 1002, 1004.5),
                                          IsSpan(0, 0, 0, SpanKind::Communicate, 1004.5, 1005),
                                          IsSpan(1, 0, 1, SpanKind::Load, 1001, 1001.5),
                                          IsSpan(1, 0, 1, SpanKind::Train, 1001.5, 1003),
                                          IsSpan(0, 0, -1, SpanKind::Wait, 1005, 1007),
                                          IsSpan(0, 0, 2, SpanKind::Train, 1007, 1010)));
}

TEST(Timeline, CountsTheTimeInAnInboxAsNoTraining) {
  using namespace search;
  Study study(sample_header());
  const auto trial = [&](int id) {
    study.record(TrialCreated{{id}, Origin::Searcher, 1, 0, {}, 10, {0.01, 1, 1, not_a_number}});
  };
  const auto end = [&](int id, double seconds, double time) {
    study.record(TrialEnded{
        {id}, TrialState::Completed, Reason::None, 1, not_a_number, 1, 0, seconds, 0, 0, time, {}, ""});
  };
  trial(0);
  trial(1);
  study.record(TrialStarted{{0}, {0}, 0, 0, 0, 10});
  study.record(TrialStarted{{1}, {0}, 0, 0, 0, 10});  // lies in the inbox until 15
  end(0, 5, 15);
  end(1, 4, 19);

  EXPECT_THAT(timeline_of(study), testing::ElementsAre(IsSpan(0, 0, 0, SpanKind::Train, 10, 15),
                                                       IsSpan(0, 0, 1, SpanKind::Train, 15, 19)));
}

}  // namespace
}  // namespace regatta::log
