#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "regatta/core/error.hpp"
#include "study.hpp"

// What searchers share that draw points: random and sobol.
namespace regatta::search {
namespace {

using namespace study;

class DrawingSearchers : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Searcher> searcher(const space::Space& space, std::uint64_t seed = 7) const {
    return make_searcher({.algorithm = GetParam(), .seed = seed}, space);
  }
};

TEST_P(DrawingSearchers, DifferWithTheSeed) {
  const space::Space space = mixed_space();
  const History history;

  for (std::int32_t trial = 0; trial < 10; ++trial)
    EXPECT_FALSE(same_config(searcher(space, 1)->propose(history, TrialId{trial}, {}).value(),
                             searcher(space, 2)->propose(history, TrialId{trial}, {}).value()));
}

TEST_P(DrawingSearchers, TakeEachValueOfADiscreteParameterEquallyOften) {
  const space::Space space = space_of({{"a", "choice(x, y, z, w)", {}}, {"b", "uniform(0, 1)", {}}});
  const auto subject = searcher(space);
  History history;
  extend(*subject, history, 4096);

  std::map<double, int> count;
  for (const Trial& trial : history.trials()) ++count[trial.config[0]];

  for (const auto& [value, times] : count) EXPECT_NEAR(times, 1024, 120) << value;
}

TEST_P(DrawingSearchers, FillHalfOfADiscreteSpaceWithoutARepeat) {
  const space::Space space = space_of({{"a", "int(1, 100)", {}}, {"b", "int(1, 100)", {}}});
  const auto subject = searcher(space);
  History history;

  extend(*subject, history, 5'000);

  EXPECT_EQ(history.distinct(), 5'000u);
}

TEST_P(DrawingSearchers, FindTheFewConfigurationsThatANarrowConstraintLeaves) {
  const space::Space space = space_of({{"a", "int(1, 100)", {}}, {"b", "int(1, 1000)", {}}},
                                      {{"narrow", "a == 50 and b <= 20 and b > 10", {}}});
  const auto subject = searcher(space);
  History history;

  extend(*subject, history, 10);

  EXPECT_EQ(texts(space, history).size(), 10u);
  for (const Trial& trial : history.trials()) EXPECT_TRUE(space.feasible(trial.config));
  const auto repeated = subject->propose(history, next_trial(history), {});
  ASSERT_TRUE(repeated.has_value());
  EXPECT_TRUE(history.contains(*repeated));
}

TEST_P(DrawingSearchers, GiveUpWithAClearMessageWhereNothingIsFeasible) {
  Problems
      problems;  // parse refuses such a constraint; a space of which too little is left reaches the searcher
  const space::Space space =
      space::Space::parse(std::vector<space::Definition>{{"a", "uniform(0, 1)", {}}},
                          std::vector<space::Definition>{{"no", "a > 2", {}}}, problems);
  const auto subject = searcher(space);

  try {
    subject->propose(History(), TrialId{0}, {});
    FAIL() << "expected SystemFailure";
  } catch (const SystemFailure& error) {
    EXPECT_NE(std::string(error.what()).find("constraints"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DrawingSearchers, testing::Values("random", "sobol"),
                         [](const auto& instance) { return instance.param; });

TEST(SobolSearcher, FillsAConstrainedSpaceMoreEvenlyThanRandomPoints) {
  const space::Space space =
      space_of({{"a", "uniform(0, 1)", {}}, {"b", "uniform(0, 1)", {}}}, {{"half", "a + b <= 1", {}}});
  const auto largest_error = [&](const std::string& algorithm) {
    const auto subject = make_searcher({.algorithm = algorithm, .seed = 3}, space);
    History history;
    extend(*subject, history, 1000);
    double worst = 0;
    for (double edge = 0.1; edge < 0.95; edge += 0.1) {
      const auto below =
          std::ranges::count_if(history.trials(), [&](const Trial& t) { return t.config[0] < edge; });
      const double expected = 1 - (1 - edge) * (1 - edge);
      worst = std::max(worst, std::abs(static_cast<double>(below) / 1000 - expected));
    }
    return worst;
  };

  EXPECT_LT(largest_error("sobol"), 0.004);
  EXPECT_LT(largest_error("sobol"), largest_error("random") / 2);
}

TEST(SobolSearcher, RefusesMoreParametersThanTheSequenceHasDimensions) {
  std::vector<space::Definition> many;
  for (int i = 0; i < 4000; ++i) many.push_back({"p" + std::to_string(i), "uniform(0, 1)", {}});
  const space::Space space = space_of(many);

  EXPECT_THROW(make_searcher({.algorithm = "sobol"}, space), InvalidInput);
  EXPECT_NO_THROW(make_searcher({.algorithm = "random"}, space));
}

TEST(ListedSearcher, ProposesEveryConfigurationOfTheListOnceAndNothingElse) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}, {"c", "choice(p, q)", {}}});
  const std::vector<Config> listed{{0.1, 0}, {0.1, 1}, {0.7, 1}, {0.9, 0}, {0.95, 0}};
  for (const std::string algorithm : {"random", "sobol", "tpe", "bo"}) {
    const auto subject = make_searcher({.algorithm = algorithm, .seed = 3, .listed = listed}, space);
    History history;
    std::set<Config> proposed;
    while (const auto config = subject->propose(history, next_trial(history), {})) {
      EXPECT_TRUE(holds(listed, *config)) << algorithm;
      EXPECT_TRUE(proposed.insert(*config).second) << algorithm;
      create(history, *config);
      finish(history, TrialState::Completed, (*config)[0]);
    }

    EXPECT_EQ(proposed.size(), listed.size()) << algorithm;
    EXPECT_EQ(subject->exhausted_reason(), "every configuration tried");
  }
}

TEST(ListedSearcher, TakesTheNearestThatIsNotAvoided) {
  const space::Space line = space_of({{"x", "uniform(0, 1)", {}}});
  const auto random = make_searcher({.algorithm = "random", .seed = 3}, line);
  const History history;
  const double wish = (*random->propose(history, TrialId{0}, {}))[0];
  const std::vector<Config> listed{{wish + 0.01}, {wish - 0.005}, {wish - 0.02}};
  const auto subject = make_searcher({.algorithm = "random", .seed = 3, .listed = listed}, line);

  EXPECT_EQ(*subject->propose(history, TrialId{0}, {}), listed[1]);
  EXPECT_EQ(*subject->propose(history, TrialId{0}, {listed[1]}), listed[0]);
}

}  // namespace
}  // namespace regatta::search
