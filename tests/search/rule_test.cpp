#include "rule.hpp"

#include <algorithm>
#include <cmath>

#include "study.hpp"

// What a proposal maximises by search.acquisition and the results so far.
namespace regatta::search {
namespace {

using namespace study;

constexpr int initial = 4, proposals = 120;

BayesianOptions with(const std::string& acquisition) {
  BayesianOptions options;
  options.acquisition = acquisition;
  options.initial_trials = initial;
  return options;
}

/// The rules of 120 proposals by `hedge`, where those of `paying` alone have good results.
std::vector<Rule> hedged(Rule paying, bool maximize) {
  History history(maximize);
  Random random(3);
  std::vector<Rule> rules;
  for (std::int32_t number = 0; number < proposals; ++number) {
    rules.push_back(rule_of(with("hedge"), history, number));
    const double loss = number >= initial && rules.back() == paying ? random.uniform() : 1 + random.uniform();
    create(history, {random.uniform()});
    finish(history, TrialState::Completed, maximize ? -loss : loss);
  }
  return rules;
}

TEST(Rule, FollowsTheAcquisition) {
  const History history;

  for (std::int32_t number = 0; number < 8; ++number) {
    const Rule greedy_at_times = number % turns == turns - 1 ? Rule::Mean : Rule::Improvement;
    EXPECT_EQ(rule_of(with("log_ei"), history, number), greedy_at_times);
    EXPECT_EQ(rule_of(with("ei"), history, number), greedy_at_times);
    EXPECT_EQ(rule_of(with("ucb"), history, number), Rule::Confidence);
    EXPECT_EQ(rule_of(with("thompson"), history, number), Rule::Sample);
  }
}

TEST(Rule, OfAHedgeIsTheOneThatPays) {
  for (const Rule paying : {Rule::Improvement, Rule::Mean, Rule::Confidence, Rule::Sample})
    for (const bool maximize : {false, true}) {
      const std::vector<Rule> rules = hedged(paying, maximize);

      int chosen = 0, choices = 0;
      for (std::size_t number = proposals / 2 + 1; number < rules.size(); number += 2, ++choices)
        chosen += rules[number] == paying ? 1 : 0;
      EXPECT_GE(chosen, choices * 4 / 5) << static_cast<int>(paying) << " maximize " << maximize;
    }
}

TEST(Rule, OfAHedgeTriesAllInTurn) {
  const std::vector<Rule> rules = hedged(Rule::Mean, false);

  for (const Rule rule : {Rule::Improvement, Rule::Mean, Rule::Confidence, Rule::Sample}) {
    int tried = 0;
    for (std::size_t number = 0; number < rules.size(); number += 2) tried += rules[number] == rule ? 1 : 0;
    EXPECT_EQ(tried, proposals / 8);
  }
}

TEST(Terrain, HasABetaThatFallsWithTheResults) {
  BayesianOptions options = with("ucb");
  options.beta = 9;
  EXPECT_DOUBLE_EQ(terrain_of(Rule::Confidence, options, 100).parameter, 9);

  options.beta_decay = 0.5;

  EXPECT_DOUBLE_EQ(terrain_of(Rule::Confidence, options, 100).parameter, 0.9);
  EXPECT_DOUBLE_EQ(terrain_of(Rule::Confidence, options, 900).parameter, 0.3);
}

TEST(Terrain, TakesNoImprovementBelowTheJitterForOne) {
  BayesianOptions options = with("ei");
  options.jitter = 0.3;

  const Landscape::Setting terrain = terrain_of(Rule::Improvement, options, 10);

  const Acquired got = terrain.rule(0.5, 0.04, 1, terrain.parameter);
  const Acquired wanted = log_expected_improvement(0.5, 0.04, 0.7);
  EXPECT_DOUBLE_EQ(got.value, wanted.value);
  EXPECT_DOUBLE_EQ(got.by_mean, wanted.by_mean);
}

TEST(Terrain, HasAPriorThatFadesWithTheResults) {
  const space::Space space = space_of({{"x", "uniform(0, 1)", {}}});
  const std::vector<space::Definition> beliefs{{"x", "normal(0.5, 0.1)", {}}};
  Problems problems;
  BayesianOptions options = with("log_ei");
  EXPECT_EQ(terrain_of(Rule::Improvement, options, 20).prior, nullptr);

  options.prior = UserPrior::parse(beliefs, space, problems);
  options.prior_strength = 10;

  EXPECT_EQ(terrain_of(Rule::Improvement, options, 20).prior, &options.prior);
  EXPECT_DOUBLE_EQ(terrain_of(Rule::Improvement, options, 20).prior_weight, 0.5);
  EXPECT_DOUBLE_EQ(terrain_of(Rule::Improvement, options, 1000).prior_weight, 0.01);
}

}  // namespace
}  // namespace regatta::search
