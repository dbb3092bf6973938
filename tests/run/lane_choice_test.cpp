#include "run/lane_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace regatta::run {
namespace {

using Speeds = std::vector<objective::LaneSpeed>;

TEST(LaneChoice, TakesTheFewestOfThoseThatAreAboutAsFast) {
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {16, 300}}), 16);
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {16, 109}}), 1);
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {64, 300}, {128, 305}, {256, 320}}), 64);
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {64, 108}, {128, 116}, {256, 90}}), 128);
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {8, 99}, {32, 50}}), 1);
}

TEST(LaneChoice, TakesNoneThatDoNotFit) {
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {16, 150}, {32, 0}}), 16);
  EXPECT_EQ(best_lanes(Speeds{{1, 100}, {16, 0}}), 1);
  EXPECT_EQ(best_lanes(Speeds{{1, 0}, {16, 0}}), 1);
  EXPECT_EQ(best_lanes({}), 1);
}

TEST(LaneChoice, ReachesTheOtherRanksAsItIs) {
  const TimedLanes timed = TimedLanes::decode(TimedLanes{{{1, 1.0 / 3}, {16, 0}}, "a \"problem\""}.encode());
  ASSERT_EQ(timed.speeds.size(), 2u);
  EXPECT_EQ(timed.speeds[0].steps_per_second, 1.0 / 3);
  EXPECT_EQ(timed.speeds[1].lanes, 16);
  EXPECT_EQ(timed.speeds[1].steps_per_second, 0);
  EXPECT_EQ(timed.problem, "a \"problem\"");
}

/// Logistic regressions, by a rank alone that is to have up to 16 lanes.
TimedLanes timed_alone(const RankInfo& rank, const Layout& layout) {
  StudyPlan plan;
  plan.objective.values = {{"data", "iris.h5"}, {"layers", "0"}, {"folds", "5"}};
  plan.objective.folder = REGATTA_SOURCE_DIR "/inputs/data";
  return time_lanes(plan, {rank}, layout, nullptr);
}

Layout sixteen_lanes(const RankInfo& rank) {
  LayoutOptions options;
  options.lanes = 16;
  return plan_layout({rank}, options);
}

TEST(LaneChoice, SaysWhyNothingCouldBeTimed) {
  constexpr int absent = 999;
  const RankInfo rank{
      "host", {0}, std::vector<std::string>(absent + 1, "GPU-absent"), std::vector<std::string>(absent + 1)};
  Layout layout = sixteen_lanes(rank);
  layout.gpu = {absent};

  const TimedLanes timed = timed_alone(rank, layout);

  EXPECT_TRUE(timed.speeds.empty());
  EXPECT_THAT(timed.problem, testing::HasSubstr("GPU"));
}

TEST(LaneChoice, IsMadeFromTimesOfThisRank) {
  const RankInfo rank{"host", {0}, {}, {}};

  const TimedLanes timed = timed_alone(rank, sixteen_lanes(rank));

  EXPECT_EQ(timed.problem, "");
  ASSERT_GE(timed.speeds.size(), 2u);
  EXPECT_EQ(timed.speeds.front().lanes, 1);
  EXPECT_EQ(timed.speeds.back().lanes, 16);
  for (const objective::LaneSpeed& speed : timed.speeds) EXPECT_GT(speed.steps_per_second, 0) << speed.lanes;
}

}  // namespace
}  // namespace regatta::run
