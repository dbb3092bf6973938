#include <gmock/gmock.h>

#include "log/sample_study.hpp"
#include "regatta/report/utilisation.hpp"

namespace regatta::report {
namespace {

using search::not_a_number;

/// Trials of one worker each, given as (worker, lane, assigned, seconds, load, ended).
class StudyBuilder {
 public:
  StudyBuilder() : study(log::sample_header()) {}

  void job(double time) { study.record(search::JobStarted{time, "host", "", "none", "", ""}); }
  void worker(int id, double time) {
    study.record(search::WorkerJoined{{id}, id, 1, 1, time, "host", "cpu", ""});
  }
  void start(int worker, double time, int lane = 0) {
    study.record(
        search::TrialCreated{{next_}, search::Origin::Searcher, 1, 0, {}, time, {0.01, 1, 1, not_a_number}});
    study.record(search::TrialStarted{{next_++}, {worker}, lane, 0, 0, time});
  }
  void end(int trial, double time, double seconds, double load = 0, double communicate = 0) {
    study.record(search::TrialEnded{{trial},
                                    search::TrialState::Completed,
                                    search::Reason::None,
                                    1,
                                    not_a_number,
                                    1,
                                    0,
                                    seconds,
                                    load,
                                    communicate,
                                    time,
                                    {},
                                    ""});
  }

  log::Study study;

 private:
  int next_ = 0;
};

TEST(Utilisation, IsTrainingTimeFromTheFirstToTheLastAssignment) {
  StudyBuilder b;
  b.job(0);
  b.worker(0, 0);
  b.worker(1, 0);
  b.start(0, 10);
  b.start(1, 10);
  b.end(0, 14, 4, 1);     // trains 11..14
  b.start(0, 15);         // waited 14..15
  b.end(1, 16, 6, 0, 2);  // trains 10..14, communicates 14..16
  b.start(1, 20);         // the last assignment: waited 16..20
  b.end(2, 21, 6);        // trains 15..21, of it 15..20 before the last assignment
  b.end(3, 30, 10);       // all of it after the last assignment

  const Utilisation use = utilisation_of(b.study);

  ASSERT_EQ(use.workers.size(), 2u);
  EXPECT_DOUBLE_EQ(use.workers[0].time.slot, 10);
  EXPECT_DOUBLE_EQ(use.workers[0].time.train, 3 + 5);
  EXPECT_DOUBLE_EQ(use.workers[0].time.load, 1);
  EXPECT_DOUBLE_EQ(use.workers[0].time.wait(), 1);
  EXPECT_DOUBLE_EQ(use.workers[1].time.train, 4);
  EXPECT_DOUBLE_EQ(use.workers[1].time.communicate, 2);
  EXPECT_DOUBLE_EQ(use.workers[1].time.wait(), 4);
  EXPECT_EQ(use.workers[0].trials, 2u);
  EXPECT_DOUBLE_EQ(use.total.slot, 20);
  EXPECT_DOUBLE_EQ(use.total.utilisation(), 12.0 / 20);
  EXPECT_DOUBLE_EQ(use.total.tail, 20);
  EXPECT_DOUBLE_EQ(use.total.tail_busy, 1 + 10);
}

TEST(Utilisation, CountsAWorkerThatGotNothing) {
  StudyBuilder b;
  b.job(0);
  b.worker(0, 0);
  b.worker(1, 0);
  b.start(0, 10);
  b.end(0, 20, 10);
  b.start(0, 20);
  b.end(1, 25, 5);

  const Utilisation use = utilisation_of(b.study);

  EXPECT_DOUBLE_EQ(use.workers[1].time.slot, 10);
  EXPECT_DOUBLE_EQ(use.workers[1].time.train, 0);
  EXPECT_DOUBLE_EQ(use.total.utilisation(), 0.5);
}

TEST(Utilisation, CountsEachLaneAsASlot) {
  StudyBuilder b;
  b.job(0);
  b.worker(0, 0);
  b.start(0, 0, 0);
  b.start(0, 0, 1);
  b.end(0, 10, 10);
  b.end(1, 10, 10);
  b.start(0, 10, 0);
  b.end(2, 20, 10);

  const Utilisation use = utilisation_of(b.study);

  EXPECT_DOUBLE_EQ(use.total.slot, 20);
  EXPECT_DOUBLE_EQ(use.total.utilisation(), 1);
}

TEST(Utilisation, LeavesOutTheTimeBetweenJobs) {
  StudyBuilder b;
  for (const double start : {0.0, 1000.0}) {
    b.job(start);
    b.worker(0, start);
    const int trial = static_cast<int>(b.study.history.trials().size());
    b.start(0, start);
    b.end(trial, start + 5, 5);
    b.start(0, start + 5);
    b.end(trial + 1, start + 6, 1);
  }

  const Utilisation use = utilisation_of(b.study);

  EXPECT_DOUBLE_EQ(use.total.slot, 10);
  EXPECT_DOUBLE_EQ(use.total.utilisation(), 1);
  EXPECT_DOUBLE_EQ(use.total.tail, 2);
}

TEST(Utilisation, TakesATrialThatRunsStillForTraining) {
  StudyBuilder b;
  b.job(0);
  b.worker(0, 0);
  b.worker(1, 0);
  b.start(0, 0);
  b.start(1, 0);
  b.end(0, 10, 10);
  b.start(0, 10);

  EXPECT_DOUBLE_EQ(utilisation_of(b.study).total.utilisation(), 1);
}

TEST(Utilisation, IsUnknownAfterOneRoundOfAssignments) {
  StudyBuilder b;
  b.job(0);
  b.worker(0, 0);
  b.start(0, 10);
  b.end(0, 20, 10);

  EXPECT_TRUE(std::isnan(utilisation_of(b.study).total.utilisation()));
  EXPECT_TRUE(std::isnan(utilisation_of(log::Study(log::sample_header())).total.utilisation()));
}

}  // namespace
}  // namespace regatta::report
