#include <gtest/gtest.h>

#include "regatta/core/error.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using namespace study;

std::vector<std::string> grid_texts(const space::Space& space, int points) {
  const auto searcher = make_searcher({.algorithm = "grid", .grid_points = points}, space);
  History history;
  extend(*searcher, history, 10'000);
  std::vector<std::string> result;
  for (const Trial& trial : history.trials()) result.push_back(space.text(trial.config));
  return result;
}

TEST(GridSearcher, VariesTheLastParameterFastest) {
  const space::Space space = space_of({{"a", "int(1, 2)", {}}, {"b", "choice(x, y)", {}}});

  EXPECT_EQ(grid_texts(space, 5), (std::vector<std::string>{"a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"}));
}

TEST(GridSearcher, SpacesContinuousParametersEvenlyFromBoundToBound) {
  EXPECT_EQ(grid_texts(space_of({{"u", "uniform(-1, 1)", {}}}), 5),
            (std::vector<std::string>{"u=-1", "u=-0.5", "u=0", "u=0.5", "u=1"}));
  const space::Space logarithmic = space_of({{"l", "loguniform(0.01, 100)", {}}});
  const auto searcher = make_searcher({.algorithm = "grid", .grid_points = 3}, logarithmic);
  History history;
  extend(*searcher, history, 9);
  ASSERT_EQ(history.trials().size(), 3u);
  EXPECT_EQ(history.trials()[0].config[0], 0.01);
  EXPECT_NEAR(history.trials()[1].config[0], 1, 1e-12);
  EXPECT_EQ(history.trials()[2].config[0], 100);
}

TEST(GridSearcher, PutsNormalParametersInTheMiddleOfEqualShares) {
  const space::Space space = space_of({{"n", "normal(5, 2)", {}}});
  const auto searcher = make_searcher({.algorithm = "grid", .grid_points = 3}, space);
  History history;

  extend(*searcher, history, 9);

  ASSERT_EQ(history.trials().size(), 3u);
  EXPECT_NEAR(history.trials()[0].config[0], 5 - 2 * 0.96742156610170, 1e-9);  // the quantile of 1/6
  EXPECT_NEAR(history.trials()[1].config[0], 5, 1e-12);
}

TEST(GridSearcher, TakesAllValuesOfShortRangesAndSomeOfLongOnes) {
  EXPECT_EQ(grid_texts(space_of({{"i", "int(3, 6)", {}}}), 4),
            (std::vector<std::string>{"i=3", "i=4", "i=5", "i=6"}));
  EXPECT_EQ(grid_texts(space_of({{"i", "int(0, 100)", {}}}), 3),
            (std::vector<std::string>{"i=0", "i=50", "i=100"}));
  EXPECT_EQ(grid_texts(space_of({{"o", "ordinal(1, 2, 4, 8, 16)", {}}}), 2).size(), 5u);
  EXPECT_EQ(grid_texts(space_of({{"q", "quniform(0, 1, 0.25)", {}}}), 5),
            (std::vector<std::string>{"q=0", "q=0.25", "q=0.5", "q=0.75", "q=1"}));
}

TEST(GridSearcher, CountsValuesOnceThatAgreeAfterRounding) {
  const auto points = grid_texts(space_of({{"i", "logint(1, 12)", {}}}), 11);

  EXPECT_EQ(points.front(), "i=1");
  EXPECT_EQ(points.back(), "i=12");
  EXPECT_LT(points.size(), 11u);
  EXPECT_EQ(std::set<std::string>(points.begin(), points.end()).size(), points.size());
}

TEST(GridSearcher, LeavesOutWhatTheUserTried) {
  const space::Space space = space_of({{"a", "int(1, 3)", {}}});
  const auto searcher = make_searcher({.algorithm = "grid"}, space);
  History history;
  create(history, {2}, Origin::User);

  extend(*searcher, history, 9);

  ASSERT_EQ(history.trials().size(), 3u);
  EXPECT_EQ(history.trials()[1].config, Config{1});
  EXPECT_EQ(history.trials()[2].config, Config{3});
}

TEST(GridSearcher, NeedsAtLeastOnePointPerAxis) {
  EXPECT_THROW(make_searcher({.algorithm = "grid", .grid_points = 0}, mixed_space()), InvalidInput);
  EXPECT_EQ(grid_texts(space_of({{"u", "uniform(0, 2)", {}}}), 1), std::vector<std::string>{"u=1"});
}

}  // namespace
}  // namespace regatta::search
