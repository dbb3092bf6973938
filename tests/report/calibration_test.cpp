#include "regatta/report/calibration.hpp"

#include <gmock/gmock.h>

#include "log/sample_study.hpp"
#include "regatta/report/report.hpp"

namespace regatta::report {
namespace {

using search::not_a_number;
using search::TrialState;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Trials, each of which ends before the next is created.
class Builder {
 public:
  explicit Builder(bool maximize) : study(header(maximize)) {}

  void trial(std::optional<double> promised, double objective, TrialState state = TrialState::Completed) {
    create(promised);
    search::TrialEnded end;
    end.trial = {next_ - 1};
    end.state = state;
    end.objective = objective;
    study.record(search::TrialStarted{{next_ - 1}, {0}, 0, 0, 0, 1000});
    study.record(std::move(end));
  }
  void create(std::optional<double> promised) {
    study.record(
        search::TrialCreated{{next_}, search::Origin::Searcher, 1, 0, {}, 1000, {0.01, 1, 1, not_a_number}});
    if (promised) study.record(search::Note{search::gain_note, {static_cast<double>(next_), *promised}});
    ++next_;
  }

  log::Study study;

 private:
  static search::StudyHeader header(bool maximize) {
    search::StudyHeader header = log::sample_header();
    header.maximize = maximize;
    return header;
  }
  int next_ = 0;
};

TEST(Calibration, ComparesThePromisedGainWithTheOneThatCame) {
  Builder b(false);
  b.trial(std::nullopt, 10);
  b.trial(2, 7);      // better by 3
  b.trial(1, 8);      // worse
  b.trial(0.5, 6.5);  // better by 0.5
  b.trial(0.1, not_a_number, TrialState::Failed);
  b.create(100);  // not ended: does not count

  const auto rows = calibration_of(b.study);

  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].count, 4u);
  EXPECT_DOUBLE_EQ(rows[0].promised, 0.9);
  EXPECT_DOUBLE_EQ(rows[0].realised, 0.875);
  EXPECT_EQ(rows[0].improved, 2u);
}

TEST(Calibration, MeasuresGainsInTheStudysDirection) {
  Builder b(true);
  b.trial(3, 0.5);  // nothing to be better than
  b.trial(0.2, 0.75);
  b.trial(0.2, 0.25);

  const auto rows = calibration_of(b.study);

  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].count, 2u);
  EXPECT_DOUBLE_EQ(rows[0].realised, 0.125);
}

TEST(Calibration, TellsEasyPromisesFromGreatOnes) {
  Builder b(false);
  b.trial(std::nullopt, 100);
  for (const double promised : {8, 1, 7, 2, 6, 3, 5, 4}) b.trial(promised, 100 - promised);

  const auto rows = calibration_of(b.study);

  ASSERT_EQ(rows.size(), 5u);
  EXPECT_DOUBLE_EQ(rows[0].promised, 4.5);
  EXPECT_DOUBLE_EQ(rows[0].realised, 1);
  EXPECT_EQ(rows[1].count, 2u);
  EXPECT_DOUBLE_EQ(rows[1].promised, 1.5);
  EXPECT_DOUBLE_EQ(rows[1].realised, 0);
  EXPECT_DOUBLE_EQ(rows[4].promised, 7.5);
  EXPECT_DOUBLE_EQ(rows[4].realised, 4);
  EXPECT_EQ(rows[4].improved, 1u);
}

TEST(ReportText, HasTheCalibrationWhereTheSearcherPromisesSomething) {
  Builder b(true);
  b.trial(std::nullopt, 0.5);
  EXPECT_THAT(report_text(b.study), Not(HasSubstr("promised")));
  EXPECT_THAT(calibration_of(b.study), IsEmpty());

  b.trial(0.125, 0.75);

  EXPECT_THAT(
      report_text(b.study),
      HasSubstr(
          "mean gain over the best result so far (val_accuracy): what the searcher promised, and what came\n"
          "  proposals  trials  promised  realised  better\n"
          "  all             1     0.125      0.25       1\n"));
}

}  // namespace
}  // namespace regatta::report
