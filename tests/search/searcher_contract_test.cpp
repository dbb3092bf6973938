#include <gtest/gtest.h>

#include <memory>

#include "regatta/core/error.hpp"
#include "regatta/search/searcher.hpp"
#include "study.hpp"

// What every searcher must do, whatever its policy.
namespace regatta::search {
namespace {

using namespace study;

class SearcherContract : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Searcher> searcher(const space::Space& space, std::uint64_t seed = 7) const {
    return make_searcher({.algorithm = GetParam(), .seed = seed, .grid_points = 4}, space);
  }
};

TEST_P(SearcherContract, ProposesFeasibleConfigurationsInsideTheirParameters) {
  for (const space::Space& space : {mixed_space(), tiny_space(), discrete_space()}) {
    const auto subject = searcher(space);
    History history;

    extend(*subject, history, 300);

    ASSERT_GE(history.trials().size(), tiny_count);
    for (const Trial& trial : history.trials()) EXPECT_EQ(space.violation(trial.config), "");
  }
}

TEST_P(SearcherContract, ProposesTheSameOnAFreshAndOnAUsedObject) {
  for (const space::Space& space : {mixed_space(), tiny_space(), discrete_space()}) {
    const auto used = searcher(space);
    History history;
    extend(*used, history, 50);

    const auto fresh = searcher(space);
    History again;
    extend(*fresh, again, 20);
    const History before = again;
    extend(*searcher(space), again, 30);

    for (std::size_t i = 0; i < history.trials().size(); ++i)
      EXPECT_TRUE(same_config(history.trials()[i].config, again.trials().at(i).config)) << "trial " << i;
    const auto expected = searcher(space)->propose(before, TrialId{20}, {});
    const auto proposed = used->propose(before, TrialId{20}, {});
    ASSERT_EQ(proposed.has_value(), expected.has_value());
    if (expected) {
      EXPECT_TRUE(same_config(*proposed, *expected));
    }
  }
}

TEST_P(SearcherContract, DoesNotCareInWhichOrderItIsAsked) {
  const space::Space space = discrete_space();
  const auto forward = searcher(space);
  const auto backward = searcher(space);
  const History history;
  std::vector<std::optional<Config>> first(20), second(20);
  for (std::int32_t i = 0; i < 20; ++i)
    first[static_cast<std::size_t>(i)] = forward->propose(history, TrialId{i}, {});
  for (std::int32_t i = 20; i-- > 0;)
    second[static_cast<std::size_t>(i)] = backward->propose(history, TrialId{i}, {});

  EXPECT_EQ(first, second);
}

TEST_P(SearcherContract, CopesWithTrialsThatRunOrFailed) {
  const space::Space space = mixed_space();
  const auto subject = searcher(space);
  History history;
  for (const TrialState state :
       {TrialState::Running, TrialState::Failed, TrialState::Cancelled, TrialState::Paused,
        TrialState::Completed, TrialState::Stopped, TrialState::Running}) {
    extend(*subject, history, 1);
    finish(history, state, 1);
  }

  const auto config = subject->propose(history, next_trial(history), {});

  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(space.violation(*config), "");
}

TEST_P(SearcherContract, NeverRepeatsAConfigurationOfADiscreteSpace) {
  const space::Space space = discrete_space();
  const auto subject = searcher(space);
  History history;

  extend(*subject, history, 2000);

  EXPECT_EQ(history.distinct(), history.trials().size());
}

TEST_P(SearcherContract, KeepsClearOfProposalsMadeAheadAndOfTheUsersTrials) {
  const space::Space space = tiny_space();
  const auto subject = searcher(space);
  History history;
  create(history,
         space.read(std::vector<std::pair<std::string, std::string>>{{"optimizer", "adam"}, {"layers", "2"}}),
         Origin::User);
  std::vector<Config> ahead;
  while (ahead.size() < tiny_count - 1) {
    const auto config = subject->propose(history, next_trial(history, ahead.size()), ahead);
    ASSERT_TRUE(config.has_value());
    ahead.push_back(*config);
  }

  for (Config& config : ahead) create(history, config);

  EXPECT_EQ(history.distinct(), tiny_count);
}

TEST_P(SearcherContract, OffersAProposalAgainThatWasMadeAheadAndDropped) {
  const space::Space space = tiny_space();
  const auto subject = searcher(space);
  History history;
  std::vector<Config> dropped;
  for (std::size_t i = 0; i < tiny_count; ++i)
    dropped.push_back(subject->propose(history, next_trial(history, i), dropped).value());
  static_cast<void>(subject->propose(history, next_trial(history, tiny_count), dropped));

  extend(*subject, history, tiny_count);

  EXPECT_EQ(history.distinct(), tiny_count);
}

TEST_P(SearcherContract, TriesAllOfASmallSpaceWithConditionsAndConstraints) {
  const space::Space space = tiny_space();
  ASSERT_EQ(space.cardinality(), 15);
  const auto subject = searcher(space);
  History history;

  extend(*subject, history, tiny_count);

  EXPECT_EQ(texts(space, history).size(), tiny_count);
  const auto after = subject->propose(history, next_trial(history), {});
  if (GetParam() == "grid") {
    EXPECT_FALSE(after.has_value());
  } else {
    ASSERT_TRUE(after.has_value());
    EXPECT_TRUE(history.contains(*after));
  }
}

TEST_P(SearcherContract, SearchesASpaceWithoutParametersOnce) {
  const space::Space space;
  const auto subject = searcher(space);

  const auto config = subject->propose(History(), TrialId{0}, {});

  EXPECT_EQ(config, Config{});
}

INSTANTIATE_TEST_SUITE_P(All, SearcherContract, testing::ValuesIn(searcher_names()),
                         [](const auto& instance) { return instance.param; });

TEST(Searcher, IsSobolUnlessSaidOtherwise) {
  EXPECT_EQ(SearcherOptions{}.algorithm, searcher_names().front());
}

TEST(Searcher, NamesTheNearestAlgorithmWhenItIsUnknown) {
  try {
    make_searcher({.algorithm = "sobel"}, space::Space());
    FAIL() << "expected InvalidInput";
  } catch (const InvalidInput& error) {
    EXPECT_NE(std::string(error.what()).find("'sobol'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace regatta::search
