#include "regatta/train/optimizer.hpp"

#include <gtest/gtest.h>

namespace regatta::train {
namespace {

TEST(LearningRate, StaysConstant) {
  const LearningRate rate{ScheduleKind::Constant, 0.1, 5};
  EXPECT_EQ(rate.at(0, 10), 0.1);
  EXPECT_EQ(rate.at(1000, 10), 0.1);
}

TEST(LearningRate, DropsAfterEachStep) {
  const LearningRate rate{ScheduleKind::Step, 0.8, 30, 2, 0.5};
  EXPECT_DOUBLE_EQ(rate.at(19, 10), 0.8);
  EXPECT_DOUBLE_EQ(rate.at(20, 10), 0.4);
  EXPECT_DOUBLE_EQ(rate.at(40, 10), 0.2);
}

TEST(LearningRate, DoesNotDropBelowItsMinimum) {
  const LearningRate rate{ScheduleKind::Step, 0.8, 30, 1, 0.1, 0, 0.05};
  EXPECT_DOUBLE_EQ(rate.at(20, 10), 0.05);
  EXPECT_DOUBLE_EQ((LearningRate{ScheduleKind::Step, 0.01, 30, 1, 0.1, 0, 0.05}.at(20, 10)), 0.01);
}

TEST(LearningRate, FallsAlongACosine) {
  const LearningRate rate{ScheduleKind::Cosine, 1.0, 4, 10, 0.1, 0, 0.2};
  EXPECT_DOUBLE_EQ(rate.at(0, 10), 1.0);
  EXPECT_DOUBLE_EQ(rate.at(20, 10), 0.6);
  EXPECT_NEAR(rate.at(30, 10), 0.2 + 0.8 * 0.146446609, 1e-9);
  EXPECT_DOUBLE_EQ(rate.at(40, 10), 0.2);
  EXPECT_DOUBLE_EQ(rate.at(80, 10), 0.2);
}

TEST(LearningRate, RisesWhileItWarmsUp) {
  const LearningRate rate{ScheduleKind::Cosine, 1.0, 3, 10, 0.1, 1};
  EXPECT_DOUBLE_EQ(rate.at(0, 10), 0.1);
  EXPECT_DOUBLE_EQ(rate.at(9, 10), 1.0);
  EXPECT_DOUBLE_EQ(rate.at(10, 10), 1.0);
  EXPECT_DOUBLE_EQ(rate.at(20, 10), 0.5);
}

TEST(LearningRate, MayWarmUpForThePartOfAnEpochOrForAllOfThem) {
  EXPECT_DOUBLE_EQ((LearningRate{ScheduleKind::Constant, 1.0, 3, 10, 0.1, 0.5}.at(1, 10)), 0.4);
  EXPECT_DOUBLE_EQ((LearningRate{ScheduleKind::Cosine, 1.0, 2, 10, 0.1, 2}.at(19, 10)), 1.0);
}

TEST(LearningRate, GrowsWithTheRanksOfATeamWhereAskedFor) {
  EXPECT_DOUBLE_EQ(team_rate_factor(TeamRate::Same, 4), 1);
  EXPECT_DOUBLE_EQ(team_rate_factor(TeamRate::Root, 4), 2);
  EXPECT_DOUBLE_EQ(team_rate_factor(TeamRate::Linear, 4), 4);
  EXPECT_DOUBLE_EQ(team_rate_factor(TeamRate::Linear, 1), 1);
}

}  // namespace
}  // namespace regatta::train
