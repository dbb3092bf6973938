#include <algorithm>
#include <cmath>

#include "ais_searcher.hpp"
#include "study.hpp"

// The rules and constants of `ais` beside those of region_tree_test.cpp, each where it decides.
namespace regatta::search {
namespace {

using namespace study;

const double reach = std::sqrt(2 * std::log(100.0));  // of the least of a hundred, in deviations

space::Space cube(std::size_t dimensions) {
  std::vector<space::Definition> definitions;
  for (std::size_t i = 0; i < dimensions; ++i)
    definitions.push_back({"x" + std::to_string(i), "uniform(0, 1)", {}});
  return space_of(definitions);
}

Config random_config(std::size_t dimensions, Random& random, double low = 0, double high = 1) {
  Config config(dimensions);
  for (double& x : config) x = low + (high - low) * random.uniform();
  return config;
}

/// Trees that know the losses of all, as those of a divided tree do.
RegionTree scaled_tree(const std::vector<double>& losses, const TreeOptions& options = {}) {
  RegionTree tree(cube(1), options);
  tree.scale(losses);
  return tree;
}

TEST(RegionTree, BelievesInTheLeastOfAHundredMoreOfTheKindOfALeaf) {
  const std::vector<double> all{0, 1, 2, 3, 10};
  const OutputTransform z(OutputTransform::Kind::HalfRank, all);
  RegionTree tree = scaled_tree(all);
  const std::vector<float> standard = tree.nodes()[0].draws;  // nothing known: mean 0, deviation 1

  for (const double loss : {1, 2, 3}) tree.add({loss / 10}, loss);

  const double mean = (z(1) + z(2) + z(3)) / 3;
  double squares = 1;  // as if there were one more result, a deviation away
  for (const double loss : {1, 2, 3}) squares += std::pow(z(loss) - mean, 2);
  const double deviation = std::sqrt(squares / 4);
  const double location = std::min(mean - deviation * reach, z(1));
  for (std::size_t i = 0; i < standard.size(); ++i)
    EXPECT_NEAR(tree.nodes()[0].draws[i], location + deviation * (standard[i] + reach), 1e-5) << i;
}

TEST(RegionTree, BelievesInNothingWorseThanTheBestResultOfALeaf) {
  const std::vector<double> all{0, 8, 9, 10, 11};
  const OutputTransform z(OutputTransform::Kind::HalfRank, all);
  RegionTree tree = scaled_tree(all, {.split = 1000});
  const std::vector<float> standard = tree.nodes()[0].draws;

  tree.add({0.5}, 0);
  for (int i = 0; i < 99; ++i) tree.add({i / 100.0}, 10);

  const double mean = (z(0) + 99 * z(10)) / 100;
  const double deviation = std::sqrt((std::pow(z(0) - mean, 2) + 99 * std::pow(z(10) - mean, 2) + 1) / 101);
  ASSERT_LT(z(0), mean - deviation * reach);
  for (std::size_t i = 0; i < standard.size(); ++i)
    EXPECT_NEAR(tree.nodes()[0].draws[i], z(0) + deviation * (standard[i] + reach), 1e-5) << i;
}

TEST(RegionTree, ScoresByTheFormula) {
  const std::vector<double> all{0, 1, 2, 3, 10};
  const OutputTransform z(OutputTransform::Kind::HalfRank, all);
  const RegionTree tree =
      scaled_tree(all, {.split = 16, .exploration = 0.7, .entropy_weight = 2, .count_running = true});
  const RegionTree::Node parent{.visits = 30, .in_flight = 6};
  const RegionTree::Node child{.visits = 10, .in_flight = 4, .value = 2, .chance = 0.4, .branching = 0.5};

  // 0.7 x 0.4 (1 + 2 x 0.5) sqrt(16 (30 + 6)) / (1 + 10 + 4) = 0.56 x 24 / 15
  EXPECT_NEAR(tree.score(child, parent), -z(2) / (z(10) - z(0)) + 0.896, 1e-12);
}

TEST(FindSplit, LeavesEachChildAFifthOfTheResults) {
  RegionTree tree(cube(1), {.split = 25});

  for (int i = 0; i < 25; ++i) tree.add({(i + 0.5) / 25}, i < 3 ? 0 : 1);

  EXPECT_EQ(tree.nodes()[1].visits, 5u) << "of 25; the good ones are 3";
}

TEST(FindSplit, LeavesEachChildFifteenPercentOfTheWidth) {
  RegionTree tree(cube(1), {.split = 25});

  for (int i = 0; i < 25; ++i) tree.add({i < 8 ? i / 100.0 : 0.08 + (i - 7) / 20.0}, i < 8 ? 0 : 1);

  const double border = tree.nodes()[0].split.borders.at(0);
  EXPECT_GE(border, 0.15) << "good ones end at 0.07";
  EXPECT_LT(border, 0.25);
}

TEST(Part, HasPlacesWhereAParameterIsInactiveInItsFirstChildOnly) {
  const Part whole(cube(2));
  const std::vector<double> place{not_a_number, 0.5};

  for (const Split& split : {Split{Split::Kind::Borders, 0, {0.5}, {}, {0.5, 0.5}},
                             Split{Split::Kind::Words, 0, {}, {1, 0}, {0.5, 0.5}}}) {
    EXPECT_EQ(split.child(place), 0u);
    EXPECT_TRUE(whole.child(split, 0).contains(place));
    EXPECT_FALSE(whole.child(split, 1).contains(place));
  }
}

// Leaves and their models.

/// Eight results whose loss is their first coordinate: leaves meet at one half.
RegionTree slope(const TreeOptions& options = {.split = 8}) {
  RegionTree tree(cube(2), options);
  for (int i = 0; i < 8; ++i) tree.add({(i + 0.5) / 8, (i * 3 % 8 + 0.5) / 8}, (i + 0.5) / 8);
  return tree;
}

TEST(LeafSearch, ProposesUpToATenthOfTheWidthOutsideOfALeaf) {
  const RegionTree tree = slope();
  ASSERT_EQ(tree.leaves(), 2u);
  const double border = tree.nodes()[0].split.borders.at(0);
  LeafSearch leaves({.algorithm = "ais", .seed = 3}, cube(2));

  const auto config =
      leaves.propose(tree, 2, {TrialId{8}, Rule::Mean, [](const Config&) { return false; }, nullptr});

  EXPECT_NEAR(config.value()[0], border - 0.1 * (1 - border), 1e-6) << "down the slope as far as it may";
}

TEST(LeafSearch, KeepsToATrustRegionWithManyParameters) {
  constexpr std::size_t dimensions = 8;
  RegionTree tree(cube(dimensions), {.split = 1000});
  Random random(2);
  const Config best(dimensions, 0.55);
  tree.add(best, best[0]);
  for (int i = 0; i < 24; ++i) {
    const Config config = random_config(dimensions, random, 0.56, 0.64);
    tree.add(config, config[0]);
  }
  LeafSearch leaves({.algorithm = "ais", .seed = 3}, cube(dimensions));

  const auto config =
      leaves.propose(tree, 0, {TrialId{25}, Rule::Mean, [](const Config&) { return false; }, nullptr});

  // Three times eight results without an improvement: a side of 0.8 / 8, along some axes twice as long.
  for (const double x : config.value()) EXPECT_NEAR(x, 0.55, 0.1 + 1e-9);
  EXPECT_LT(config.value()[0], 0.55) << "down the slope";
}

class LocalModelsTest : public testing::Test {
 protected:
  void add(std::size_t count) {
    for (; tree_.size() < count;) {
      const Config config = random_config(2, random_);
      tree_.add(config, std::sin(5 * config[0]) + config[1] * config[1]);
    }
  }
  std::vector<double> lengthscales() {
    return models_.model_of(space_, tree_, 0, 0).model.parameters.log_lengthscales;
  }

  space::Space space_ = cube(2);
  Random random_{3};
  BayesianOptions options_;
  Surrogate surrogate_{space_, options_};
  RegionTree tree_{space_, {.split = 1000}};
  LocalModels models_{surrogate_.embedding(), options_};
};

TEST_F(LocalModelsTest, AreFittedAgainWhenALeafHasGrownByAQuarter) {
  add(43);  // ... 19, 25, 33, 43, 55: the next one is 5/4 of one more than the one before
  const std::vector<double> fitted = lengthscales();

  add(54);
  EXPECT_EQ(lengthscales(), fitted);
  add(55);
  EXPECT_NE(lengthscales(), fitted);
}

TEST_F(LocalModelsTest, KnowTheBestLossOfTheWholeTree) {
  tree_.scale({-5, 0, 1});
  add(20);

  const Surrogate::Model model = models_.model_of(space_, tree_, 0, 0).model;

  EXPECT_EQ(model.incumbent, model.transform(-5));
}

// The searcher.

TEST(AisSearcher, FavoursPlacesByChanceAndCountsOfTheirLeaves) {
  RegionTree tree = slope();
  const Config place{0.9, 0.1};
  tree.begin(place);
  tree.begin({0.8, 0.1});
  const double chance = tree.nodes()[2].chance;

  EXPECT_NEAR(favour_of(tree, place), 0.3 * std::log(chance / (1 + 4 + 2)), 1e-12);
}

/// Two hollows along the first axis.
double hollows(const Config& x) {
  return std::pow(x[0] - 0.4, 2) + 0.3 * std::sin(12 * x[0]) + std::pow(x[1] - 0.6, 2);
}

/// A study with `running` trials beside `results`.
History history_of(std::size_t results, std::size_t running) {
  History history;
  Random random(6);
  for (std::size_t i = 0; i < results + running; ++i) {
    const Config config = random_config(2, random);
    create(history, config);
    finish(history, i < results ? TrialState::Completed : TrialState::Running, hollows(config));
  }
  return history;
}

std::vector<Config> proposals(const History& history, const TreeOptions& options) {
  std::vector<Config> all;
  for (std::size_t ahead = 0; ahead < 8; ++ahead)
    all.push_back(make_searcher({.algorithm = "ais", .seed = 7, .tree = options}, cube(2))
                      ->propose(history, next_trial(history, ahead), {})
                      .value());
  return all;
}

TEST(AisSearcher, LetsTheTreeWeighTheModelsOfAllResults) {
  const History history = history_of(40, 0);

  EXPECT_NE(proposals(history, {.split = 8}), proposals(history, {.split = 1000}))
      << "one leaf weighs nothing";
}

TEST(AisSearcher, HasModelsOfPartsWhenMoreThanAHundredTrialsRun) {
  EXPECT_NE(proposals(history_of(30, 100), {.split = 8}),
            proposals(history_of(30, 100), {.split = 8, .local_from = 10}));
  EXPECT_EQ(proposals(history_of(30, 101), {.split = 8}),
            proposals(history_of(30, 101), {.split = 8, .local_from = 10}));
}

TEST(AisSearcher, TakesTheLeafOfTheBestResultEveryFourthTime) {
  const TreeOptions options{.split = 8, .exploration = 10, .count_running = true, .local_from = 10};
  History history = history_of(40, 0);
  const Config best = history[history.incumbent().value()].config;
  for (int i = 0; i < 60; ++i) {
    create(history, {best[0], best[1] + 1e-6 * (i + 1)});
    finish(history, TrialState::Running);
  }
  StudyTree study(cube(2), options);
  study.update(history);
  const RegionTree& tree = study.tree();
  ASSERT_NE(tree.select(), tree.best_leaf()) << "so many run there";

  const std::vector<Config> made = proposals(history, options);

  const auto near = [&](std::size_t leaf, const Config& config) {
    return tree.nodes()[leaf].part.box(0.1).contains(cube(2).encode(config));
  };
  for (std::size_t i = 0; i < made.size(); ++i) {
    const bool greedy = (100 + i) % 4 == 3;
    EXPECT_EQ(near(tree.best_leaf(), made[i]), greedy) << i;
    EXPECT_EQ(near(tree.select(), made[i]), !greedy) << i;
  }
}

TEST(StudyTree, MakesReportsOfRunningTrialsComparable) {
  StudyTree study(cube(2), {.split = 10});
  History history;
  const auto report = [&](std::int32_t epoch, double loss) {
    TrialReported event;
    event.trial = history.trials().back().id;
    event.epoch = epoch;
    event.value = loss;
    history.record(event);
  };
  const auto end = [&](TrialState state, std::int32_t epoch, double loss) {
    TrialEnded event;
    event.trial = history.trials().back().id;
    event.state = state;
    event.epochs = epoch;
    event.objective = loss;
    history.record(event);
  };
  for (int i = 0; i < 4; ++i) {
    create(history, {0.1 * i, 0.5});
    finish(history, TrialState::Running);
    report(1, i);
    if (i == 3) {
      end(TrialState::Paused, 1, i);
      continue;
    }
    report(3, i - 2.0);
    end(TrialState::Completed, 3, i - 2.0);
  }
  create(history, {0.9, 0.5});
  finish(history, TrialState::Running);
  report(1, -1);

  study.update(history);

  EXPECT_EQ(study.tree().nodes()[0].value, -3) << "from epoch 1 to 3 losses fall by 2";
}

}  // namespace
}  // namespace regatta::search
