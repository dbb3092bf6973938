#include "study_tree.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "domain.hpp"
#include "study.hpp"
#include "top_tree.hpp"

// The tree of the searcher `ais`: every formula by hand, and what must hold whatever the results.
namespace regatta::search {
namespace {

using namespace study;

space::Space line_space() { return space_of({{"x", "uniform(0, 1)", {}}}); }
/// A condition in a condition.
space::Space nested_space() {
  return space_of({{"a", "choice(p, q, r)", {}},
                   {"b", "int(1, 5) if a == p", {}},
                   {"c", "uniform(0, 1) if b > 2", {}},
                   {"d", "choice(u, v, w) if a == q", {}},
                   {"e", "loguniform(1e-3, 1)", {}}});
}
space::Space square_space() { return space_of({{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}}); }

Config random_config(const space::Space& space, Random& random) {
  space::UnitPoint unit(space.size());
  for (double& coordinate : unit) coordinate = random.uniform();
  return space.decode(unit);
}

/// All parameters at their lower ends, or at their upper ones.
Config end_config(const space::Space& space, int upper) {
  return space.decode(space::UnitPoint(space.size(), upper ? std::nextafter(1.0, 0.0) : 0.0));
}

/// Results of a function of the unit coordinates at random configurations.
template <class Function>
RegionTree grown_tree(const space::Space& space, std::size_t results, const TreeOptions& options,
                      Function function) {
  RegionTree tree(space, options);
  Random random(3);
  for (std::size_t i = 0; i < results; ++i) {
    const Config config = random_config(space, random);
    tree.add(config, function(space.encode(config)));
  }
  return tree;
}

double unit_bowl(const space::UnitPoint& unit) {
  double sum = 0;
  for (const double u : unit) sum += (u - 0.2) * (u - 0.2);
  return sum;
}

TEST(Extreme, HasTheMomentsAskedFor) {
  const Extreme extreme = Extreme::from_moments(2, 0.5);

  EXPECT_NEAR(extreme.scale, 0.5 * std::sqrt(6) / std::numbers::pi, 1e-15);
  EXPECT_NEAR(extreme.location, 2 + 0.5772156649015329 * extreme.scale, 1e-12);
  double mean = 0, squares = 0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double value = extreme.quantile((i + 0.5) / count);
    mean += value / count;
    squares += (value - 2) * (value - 2) / count;
  }
  EXPECT_NEAR(mean, 2, 1e-3);
  EXPECT_NEAR(std::sqrt(squares), 0.5, 1e-3);
}

TEST(Extreme, OfTheLeastOfManyNormalNumbersLiesBelowTheirMean) {
  const Extreme extreme = Extreme::of_least(1, 2, std::exp(8));  // sqrt(2 ln count) = 4

  EXPECT_NEAR(extreme.location, 1 - 2 * 4, 1e-12);
  EXPECT_NEAR(extreme.scale, 0.5, 1e-12);
  EXPECT_NEAR(extreme.quantile(1 - std::exp(-1)), extreme.location, 1e-12);
}

TEST(Tournament, CountsWhoHasTheLeastDraw) {
  const std::vector<float> a{1, 5, 1, 9}, b{2, 4, 3, 2}, c{3, 3, 2, 1};
  const std::vector<const std::vector<float>*> all{&a, &b, &c};

  const std::vector<double> chances = winning_chances(all);

  EXPECT_NEAR(chances[0], 2.5 / 5.5, 1e-15);
  EXPECT_NEAR(chances[1], 0.5 / 5.5, 1e-15);
  EXPECT_NEAR(chances[2], 2.5 / 5.5, 1e-15);
  EXPECT_EQ(least_draws(all), (std::vector<float>{1, 3, 1, 1}));
}

TEST(Tournament, GivesEqualPartsEqualChances) {
  const std::vector<float> a = draws_of({0, 1}, 1), b = draws_of({0, 1}, 2);
  const std::vector<const std::vector<float>*> all{&a, &b};

  EXPECT_NEAR(winning_chances(all)[0], 0.5, 0.15);
}

TEST(Entropy, JoinsByTheChainRule) {
  const std::vector<double> chances{0.25, 0.75}, entropies{std::log(0.5), std::log(0.125)};

  // - 0.25 ln(0.25 / 0.5) - 0.75 ln(0.75 / 0.125)
  EXPECT_NEAR(joined_entropy(chances, entropies), 0.25 * std::log(2.0) - 0.75 * std::log(6.0), 1e-15);
  EXPECT_EQ(joined_entropy(std::vector<double>{1, 0}, std::vector<double>{-2, -5}), -2);
}

TEST(RegionTree, KnowsNothingAtFirst) {
  const RegionTree tree(square_space(), {});

  EXPECT_EQ(tree.leaves(), 1u);
  EXPECT_EQ(tree.select(), 0u);
  EXPECT_EQ(tree.entropy(), 0);
  EXPECT_FALSE(tree.complete());
}

TEST(RegionTree, CutsWhereGoodAndBadResultsPart) {
  RegionTree tree(square_space(), {.split = 8});
  for (int i = 0; i < 8; ++i) {
    const double x = (i + 0.5) / 8, y = (i * 3 % 8 + 0.5) / 8;
    tree.add({x, y}, y < 0.5 ? 0 : 1);
  }

  ASSERT_EQ(tree.leaves(), 2u);
  const Split& split = tree.nodes()[0].split;
  EXPECT_EQ(split.kind, Split::Kind::Borders);
  EXPECT_EQ(split.parameter, 1u);
  ASSERT_EQ(split.borders.size(), 1u);
  EXPECT_NEAR(split.borders[0], 0.5, 1e-12);
  EXPECT_NEAR(split.shares[0], 0.5, 1e-12);
  EXPECT_EQ(tree.nodes()[1].visits, 4u);
  EXPECT_EQ(tree.nodes()[1].value, 0);
  EXPECT_EQ(tree.nodes()[2].value, 1);
  EXPECT_NEAR(tree.nodes()[1].log_volume, std::log(0.5), 1e-12);
}

TEST(RegionTree, CutsWholeNumbersBetweenThem) {
  RegionTree tree(space_of({{"n", "int(1, 10)", {}}}), {.split = 10});
  for (int n = 1; n <= 10; ++n) tree.add({static_cast<double>(n)}, n <= 4 ? 0 : 1);

  ASSERT_EQ(tree.leaves(), 2u);
  EXPECT_NEAR(tree.nodes()[0].split.borders[0], 0.4, 1e-12) << "where 4 ends and 5 begins";
  EXPECT_EQ(tree.nodes()[1].visits, 4u);
}

TEST(RegionTree, CutsChoicesBetweenGoodWordsAndBadOnes) {
  RegionTree tree(space_of({{"w", "choice(a, b, c, d)", {}}, {"x", "uniform(0, 1)", {}}}), {.split = 16});
  for (int i = 0; i < 16; ++i)
    tree.add({static_cast<double>(i % 4), (i + 0.5) / 16}, i % 4 == 1 || i % 4 == 3 ? 0 : 1);

  const Split& split = tree.nodes()[0].split;
  ASSERT_EQ(split.kind, Split::Kind::Words);
  EXPECT_EQ(split.child_of, (std::vector<std::size_t>{1, 0, 1, 0}));
  EXPECT_EQ(split.shares, (std::vector<double>{0.5, 0.5}));
}

TEST(RegionTree, OpensASubtreeForACondition) {
  const space::Space space =
      space_of({{"x", "uniform(0, 1)", {}}, {"w", "choice(a, b)", {}}, {"m", "uniform(0, 1) if w == a", {}}});
  const RegionTree tree = grown_tree(space, 40, {.split = 16}, unit_bowl);

  const Split& split = tree.nodes()[0].split;
  ASSERT_EQ(split.kind, Split::Kind::Activity);
  EXPECT_EQ(split.parameter, 2u);
  EXPECT_NEAR(split.shares[0], 0.5, 0.01);
  EXPECT_FALSE(tree.nodes()[1].part.contains(place_of(space, space.decode(std::vector{0.1, 0.9, 0.1}))));
  EXPECT_TRUE(tree.nodes()[2].part.contains(place_of(space, space.decode(std::vector{0.1, 0.9, 0.1}))));
}

TEST(RegionTree, HasAsManyChildrenAsAskedFor) {
  const RegionTree tree = grown_tree(square_space(), 60, {.children = 3, .split = 30}, unit_bowl);

  EXPECT_EQ(tree.nodes()[0].children, 3u);
  double sum = 0;
  for (const double share : tree.nodes()[0].split.shares) sum += share;
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(RegionTree, ScoresValueChanceEntropyAndCountsOfTrials) {
  RegionTree tree =
      grown_tree(square_space(), 64,
                 {.split = 16, .exploration = 0.7, .entropy_weight = 2, .count_running = true}, unit_bowl);
  const Config inside{0.1, 0.1};
  tree.begin(inside);
  tree.begin(inside);
  RegionTree::Node parent = tree.nodes()[0], child = tree.nodes()[1];
  parent.visits = 30, parent.in_flight = 6;
  child.visits = 10, child.in_flight = 4, child.chance = 0.4, child.branching = 0.5;
  RegionTree::Node worse = child;
  worse.value = tree.nodes()[2].value > child.value ? tree.nodes()[2].value : child.value + 1;

  const double exploration = 0.7 * 0.4 * (1 + 2 * 0.5) * std::sqrt(16.0 * 36) / (1 + 10 + 4);
  child.chance = 0;
  const double value = tree.score(child, parent);
  child.chance = 0.4;

  EXPECT_NEAR(tree.score(child, parent) - value, exploration, 1e-12);
  EXPECT_GT(tree.score(child, parent), tree.score(worse, parent));
}

TEST(RegionTree, ScoresTheBestAndTheWorstOfAllResultsOneApart) {
  RegionTree tree = grown_tree(line_space(), 40, {.split = 1000}, unit_bowl);
  RegionTree::Node best = tree.nodes()[0], worst = best;
  worst.value = *std::ranges::max_element(tree.losses());
  best.chance = worst.chance = 0;

  EXPECT_NEAR(tree.score(best, tree.nodes()[0]) - tree.score(worst, tree.nodes()[0]), 1, 0.1);
}

TEST(RegionTree, SelectsTheChildWithTheHighestScoreAtEachLevel) {
  const RegionTree tree = grown_tree(square_space(), 120, {.split = 12}, unit_bowl);
  const std::size_t leaf = tree.select();

  ASSERT_EQ(tree.nodes()[leaf].children, 0u);
  for (std::size_t node = leaf; tree.nodes()[node].parent != RegionTree::none;
       node = tree.nodes()[node].parent) {
    const RegionTree::Node& parent = tree.nodes()[tree.nodes()[node].parent];
    for (std::size_t c = 0; c < parent.children; ++c)
      EXPECT_GE(tree.score(tree.nodes()[node], parent),
                tree.score(tree.nodes()[parent.first_child + c], parent));
  }
}

TEST(RegionTree, DrawsLeavesByTheirChancesWhileManyTrialsRun) {
  const auto chosen = [](const std::string& selection, int running) {
    RegionTree tree = grown_tree(square_space(), 400, {.split = 20, .selection = selection}, unit_bowl);
    Random random(5);
    for (int i = 0; i < running; ++i) tree.begin(random_config(square_space(), random));
    for (int i = 0; i < 20; ++i) {
      const double uniform = random.uniform();
      if (tree.choose(uniform) != tree.select())
        return tree.choose(uniform) == tree.draw(uniform) ? "draw" : "neither";
    }
    return "score";
  };
  EXPECT_STREQ(chosen("auto", 299), "score");
  EXPECT_STREQ(chosen("auto", 300), "draw");
  EXPECT_STREQ(chosen("score", 300), "score");
  EXPECT_STREQ(chosen("draw", 0), "draw");
}

/// How many of a thousand selections each leaf gets when each begins a trial there.
std::vector<std::size_t> thousand_selections(bool count_running) {
  RegionTree tree = grown_tree(square_space(), 400, {.split = 20, .count_running = count_running}, unit_bowl);
  std::vector<std::size_t> counts(tree.nodes().size());
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const std::size_t leaf = tree.select();
    ++counts[leaf];
    const Region box = tree.nodes()[leaf].part.box(0);
    Config inside(2);
    for (std::size_t k = 0; k < 2; ++k)
      inside[k] = box.low[k] + random.uniform() * (box.high[k] - box.low[k]);
    tree.begin(inside);
  }
  EXPECT_EQ(tree.nodes()[0].in_flight, 1000u);
  std::erase(counts, 0u);
  return counts;
}

TEST(RegionTree, KeepsAThousandSelectionsApart) {
  EXPECT_EQ(thousand_selections(false).size(), 1u);

  const std::vector<std::size_t> counts = thousand_selections(true);
  EXPECT_GE(counts.size(), 3u);
  EXPECT_LT(*std::ranges::max_element(counts), 900u);
}

TEST(RegionTree, ForgetsRunningTrialsThatEndAndCarriesTheOthersIntoChildren) {
  const space::Space space = square_space();
  RegionTree tree(space, {.split = 10});
  Random random(5);
  std::vector<Config> running;
  for (int i = 0; i < 20; ++i) tree.begin(running.emplace_back(random_config(space, random)));
  for (int i = 0; i < 60; ++i) {
    const Config config = random_config(space, random);
    tree.add(config, unit_bowl(config));
  }
  ASSERT_GT(tree.leaves(), 3u);
  EXPECT_EQ(tree.nodes()[0].in_flight, 20u);

  for (const Config& config : running) tree.end(config);

  for (const RegionTree::Node& node : tree.nodes()) EXPECT_EQ(node.in_flight, 0u);
}

TEST(RegionTree, BacksUpWhatARunningTrialReports) {
  RegionTree tree = grown_tree(square_space(), 50, {.split = 16}, unit_bowl);
  const double before = tree.nodes()[0].value;
  const Config running{0.9, 0.9};
  tree.begin(running);

  tree.report(running, -5);
  EXPECT_EQ(tree.nodes()[0].value, -5);
  EXPECT_EQ(tree.best_leaf(), tree.leaf_of(running));
  EXPECT_EQ(tree.nodes()[0].visits, 50u);

  tree.report(running, 5);
  EXPECT_EQ(tree.nodes()[0].value, before);

  tree.report(running, -5);
  tree.end(running);
  EXPECT_EQ(tree.nodes()[0].value, before);
}

TEST(RegionTree, StopsGrowingAtTheMaximumHeight) {
  const RegionTree tree = grown_tree(line_space(), 400, {.max_height = 3, .split = 10}, unit_bowl);

  int height = 0;
  for (const RegionTree::Node& node : tree.nodes()) height = std::max(height, node.depth);
  EXPECT_EQ(height, 3);
  EXPECT_TRUE(tree.complete());
}

TEST(RegionTree, WidensWithTheNumberOfResults) {
  RegionTree tree(square_space(), {.split = 20});
  Random random(2);
  for (std::size_t i = 1; i <= 300; ++i) {
    const Config config = random_config(square_space(), random);
    tree.add(config, unit_bowl(config));
    EXPECT_LE(tree.leaves(), 1 + i / 10 + 1);
  }
  EXPECT_GT(tree.leaves(), 8u);
}

TEST(RegionTree, DrawsLeavesByTheirChances) {
  const RegionTree tree = grown_tree(square_space(), 100, {.split = 12}, unit_bowl);
  std::vector<double> drawn(tree.nodes().size());
  constexpr int count = 20000;

  for (int i = 0; i < count; ++i) drawn[tree.draw((i + 0.5) / count)] += 1.0 / count;

  for (std::size_t node = 0; node < drawn.size(); ++node)
    if (tree.nodes()[node].children == 0) {
      EXPECT_NEAR(drawn[node], tree.probability(node), 1e-3) << node;
    }
}

TEST(RegionTree, KnowsWhereTheMinimumIsBetterAndBetter) {
  const double few = grown_tree(square_space(), 30, {.split = 16}, unit_bowl).entropy();
  const double many = grown_tree(square_space(), 1000, {.split = 16}, unit_bowl).entropy();

  EXPECT_LE(few, 0.0);
  EXPECT_LT(many, few - 1);
}

/// What holds in every tree.
void expect_consistent(const RegionTree& tree) {
  double volume = 0, chance = 0, entropy = 0;
  std::size_t leaves = 0;
  for (std::size_t i = 0; i < tree.nodes().size(); ++i) {
    const RegionTree::Node& node = tree.nodes()[i];
    if (node.children == 0) {
      ++leaves;
      volume += std::exp(node.log_volume);
      const double p = tree.probability(i);
      chance += p;
      entropy -= p * (std::log(p) - node.log_volume);
      EXPECT_EQ(node.members.size(), node.visits);
      continue;
    }
    std::size_t visits = 0, in_flight = 0;
    double value = std::numeric_limits<double>::infinity();
    for (std::size_t c = node.first_child; c < node.first_child + node.children; ++c) {
      visits += tree.nodes()[c].visits;
      in_flight += tree.nodes()[c].in_flight;
      value = std::min(value, tree.nodes()[c].value);
    }
    EXPECT_EQ(node.visits, visits);
    EXPECT_EQ(node.in_flight, in_flight);
    EXPECT_EQ(node.value, value);
  }
  EXPECT_EQ(leaves, tree.leaves());
  EXPECT_NEAR(volume, 1, 1e-9);
  EXPECT_NEAR(chance, 1, 1e-9);
  EXPECT_NEAR(tree.entropy(), entropy, 1e-9) << "- sum over the leaves of p ln(p / volume)";
}

TEST(RegionTree, IsAPartitionOfTheSpaceAtAllTimes) {
  std::size_t index = 0;
  for (const space::Space& space :
       {square_space(), mixed_space(), tiny_space(), discrete_space(), nested_space()}) {
    SCOPED_TRACE(index++);
    RegionTree tree(space, {.children = index % 2 == 0 ? 3 : 2, .split = 9});
    Random random(index);
    for (int i = 0; i < 120; ++i) {
      const Config config = random_config(space, random);
      const double loss = unit_bowl(space.encode(config)) + random.normal() * 0.05;
      if (i % 3 == 0) {
        const Config running = random_config(space, random);
        tree.begin(running);
        if (i % 2 == 0) tree.report(running, loss - 0.1);
      }
      tree.add(config, loss);
      if (i % 8 != 0) continue;
      expect_consistent(tree);
      for (int probe = 0; probe < 30; ++probe) {
        const Config anywhere = probe < 2 ? end_config(space, probe) : random_config(space, random);
        const space::UnitPoint place = place_of(space, anywhere);
        std::vector<std::size_t> owners;
        for (std::size_t n = 0; n < tree.nodes().size(); ++n)
          if (tree.nodes()[n].children == 0 && tree.nodes()[n].part.contains(place)) owners.push_back(n);
        ASSERT_EQ(owners, std::vector{tree.leaf_of(anywhere)});
      }
    }
    EXPECT_GT(tree.leaves(), 3u);
  }
}

TEST(RegionTree, IsAFunctionOfTheResults) {
  const auto noisy = [](const space::UnitPoint& unit) {
    return unit_bowl(unit) + 0.1 * std::sin(40 * unit[0]);
  };
  const RegionTree a = grown_tree(square_space(), 200, {}, noisy),
                   b = grown_tree(square_space(), 200, {}, noisy);

  ASSERT_EQ(a.nodes().size(), b.nodes().size());
  for (std::size_t i = 0; i < a.nodes().size(); ++i) {
    EXPECT_EQ(a.nodes()[i].chance, b.nodes()[i].chance);
    EXPECT_EQ(a.nodes()[i].entropy, b.nodes()[i].entropy);
    EXPECT_EQ(a.nodes()[i].split.borders, b.nodes()[i].split.borders);
  }
  EXPECT_EQ(a.select(), b.select());
}

TEST(RegionTree, SelectsByWhatItsPartsSayOfThemselves) {
  RegionTree whole = grown_tree(square_space(), 90, {.split = 12}, unit_bowl);
  ASSERT_GT(whole.nodes()[1].children + whole.nodes()[2].children, 0u);
  RegionTree top(square_space(), {.split = 12});
  std::vector<double> losses = whole.losses();
  std::ranges::sort(losses);
  top.scale(losses);
  whole.scale(losses);
  top.summarise(0, whole.summary());
  EXPECT_EQ(top.nodes()[0].visits, 90u);

  ASSERT_EQ(top.divide(0, whole.nodes()[0].split), 1u);
  for (const std::size_t child : {1, 2}) {
    const RegionTree::Node& node = whole.nodes()[child];
    top.summarise(
        child, {node.visits, node.in_flight, node.value, node.entropy, node.branching, 0, false, node.draws});
  }

  for (const std::size_t node : {0, 1, 2}) {
    EXPECT_EQ(top.nodes()[node].visits, whole.nodes()[node].visits);
    EXPECT_EQ(top.nodes()[node].value, whole.nodes()[node].value);
    EXPECT_EQ(top.nodes()[node].chance, whole.nodes()[node].chance);
    EXPECT_EQ(top.nodes()[node].entropy, whole.nodes()[node].entropy);
    EXPECT_EQ(top.score(top.nodes()[node], top.nodes()[0]),
              whole.score(whole.nodes()[node], whole.nodes()[0]));
  }
  EXPECT_TRUE(top.nodes()[top.select()].part.contains(place_of(square_space(), {0.2, 0.2})));
  top.count_running(2, true);
  EXPECT_EQ(top.nodes()[0].in_flight, 1u);
}

TEST(TreeMessages, ComeBackAsTheyWere) {
  const space::Space space = mixed_space();
  const RegionTree tree =
      grown_tree(space, 120, {.split = 12}, [](const auto& unit) { return unit[0] + unit[5]; });
  const RegionTree::Node& node = tree.nodes().back();
  Subtree subtree{7,
                  {node.part, node.log_volume, node.depth, 7},
                  {{3, {1, not_a_number}, 0.5}},
                  {{{2, 4}, std::numeric_limits<double>::infinity(), true}}};

  const std::vector<std::byte> bytes = encode(subtree);
  const TreeMessage back = decode_tree_message(bytes);

  const auto& same = std::get<Subtree>(back);
  EXPECT_EQ(encode(same), bytes);
  EXPECT_EQ(same.root.part.box(0.1).low, node.part.box(0.1).low);
  EXPECT_TRUE(same_config(same.results[0].config, subtree.results[0].config));
  EXPECT_TRUE(same.running[0].offered);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(decode_tree_message(std::span(bytes).first(size)), InvalidInput) << size;
  EXPECT_THROW(decode_tree_message(std::vector<std::byte>(40, std::byte{99})), InvalidInput);
}

/// The best places are far from each other.
double two_bowls(const Config& x) {
  const auto bowl_at = [&](double place) { return std::pow(x[0] - place, 2) + std::pow(x[1] - place, 2); };
  return std::min(bowl_at(0.2), bowl_at(0.8));
}

/// A study in which trials are proposed by sub-controllers that answer at once, or only after the next ones
/// were asked for.
TEST(Domain, TellsItsProposalsFromTrialsOfOthers) {
  const space::Space space = square_space();
  Random random(7);
  const Config offered = random_config(space, random);
  Domain domain({}, space, {0, {Part(space)}, {}, {{offered, HUGE_VAL, true}}}, {});
  const auto tell = [&](Observation::Kind kind, const Config& config) {
    domain.take({kind, 0, -1, HUGE_VAL, config});
  };
  std::vector<Config> others;
  for (int i = 0; i < 20; ++i) others.push_back(random_config(space, random));

  for (const Config& config : others) tell(Observation::Kind::Begin, config);
  EXPECT_EQ(domain.tree().nodes().front().in_flight, 21u);
  tell(Observation::Kind::Begin, offered);
  EXPECT_EQ(domain.tree().nodes().front().in_flight, 21u) << "it ran from the proposal on";
  for (const Config& config : others) tell(Observation::Kind::End, config);
  EXPECT_EQ(domain.tree().nodes().front().in_flight, 1u);
}

TEST(TreeKeeper, KnowsAllResultsAndRunningTrialsOfAllParts) {
  const space::Space space = square_space();
  const SearcherOptions options{.algorithm = "ais", .seed = 3, .tree = {.split = 10}};
  std::vector<std::pair<int, std::pair<int, std::vector<std::byte>>>> letters;  // to, from
  const auto post_of = [&](int from) {
    return [&letters, from](int to, std::vector<std::byte> message) {
      letters.push_back({to, {from, std::move(message)}});
    };
  };
  std::vector<std::unique_ptr<DomainOwner>> owners;
  const auto encoded = [&](int from) {
    return [post = post_of(from)](int to, TreeMessage message) { post(to, encode(std::move(message))); };
  };
  TopTree keeper(options, space, 3, encoded(0));
  for (int number = 1; number <= 3; ++number)
    owners.push_back(std::make_unique<DomainOwner>(options, space, encoded(number)));
  std::vector<Config> offers;
  const auto deliver = [&] {
    while (!letters.empty()) {
      for (auto& [to, letter] : std::exchange(letters, {})) {
        const TreeMessage message = decode_tree_message(letter.second);
        if (to > 0)
          owners[static_cast<std::size_t>(to - 1)]->take(message);
        else if (auto offer = keeper.take(letter.first, message); offer && !offer->config.empty())
          offers.push_back(offer->config);
      }
      for (const auto& owner : owners) {
        while (owner->work()) {
        }
        owner->tell();
      }
    }
  };
  History history;
  Random random(2);
  for (std::int32_t number = 0; number < 220; ++number) {
    keeper.ask(number, Rule::Improvement);
    if (number % 5 == 0) deliver();
    Config config = offers.empty() ? random_config(space, random) : offers.back();
    if (!offers.empty()) offers.pop_back();
    create(history, config);
    keeper.update(history);
    finish(history, number % 10 == 0 ? TrialState::Running : TrialState::Completed, two_bowls(config));
    keeper.update(history);
  }
  deliver();

  EXPECT_GT(keeper.domains(), 3u);
  EXPECT_GE(keeper.handed_over(), 1u);
  EXPECT_EQ(keeper.top().nodes()[0].visits, 198u);
  EXPECT_EQ(keeper.top().nodes()[0].in_flight, 22u + offers.size()) << "offers that were not taken run, too";
  EXPECT_EQ(keeper.top().nodes()[0].value, best_of(history));
  EXPECT_LT(best_of(history), 1e-5);
}

void report(History& history, TrialId trial, int epoch, double value) {
  TrialReported event;
  event.trial = trial;
  event.epoch = epoch;
  event.value = value;
  history.record(event);
}

/// The next event of a study in which every trial reports twice before it ends and every fourth goes on
/// running.
void go_on(History& history, Random& random) {
  const space::Space space = square_space();
  create(history, random_config(space, random));
  const TrialId trial = history.trials().back().id;
  const double loss = unit_bowl(space.encode(history[trial].config));
  finish(history, TrialState::Running);
  report(history, trial, 1, loss + 0.5);
  report(history, trial, 2, loss + 0.2);
  if (trial.value % 4 == 0) return;
  TrialEnded ended;
  ended.trial = trial;
  ended.state = trial.value % 7 == 0 ? TrialState::Failed : TrialState::Completed;
  ended.objective = loss;
  history.record(ended);
}

void expect_same(const RegionTree& a, const RegionTree& b) {
  ASSERT_EQ(a.nodes().size(), b.nodes().size());
  for (std::size_t i = 0; i < a.nodes().size(); ++i) {
    EXPECT_EQ(a.nodes()[i].visits, b.nodes()[i].visits);
    EXPECT_EQ(a.nodes()[i].in_flight, b.nodes()[i].in_flight);
    EXPECT_EQ(a.nodes()[i].value, b.nodes()[i].value);
    EXPECT_EQ(a.nodes()[i].chance, b.nodes()[i].chance);
    EXPECT_EQ(a.nodes()[i].entropy, b.nodes()[i].entropy);
  }
}

TEST(StudyTree, IsTheSameWheneverItWasBroughtUpToDate) {
  const TreeOptions options{.split = 10};
  StudyTree often(square_space(), options), once(square_space(), options);
  History history;
  Random random(4);
  for (int i = 0; i < 80; ++i) {
    go_on(history, random);
    EXPECT_TRUE(often.update(history));
  }

  once.update(history);

  expect_same(often.tree(), once.tree());
  EXPECT_EQ(once.tree().nodes()[0].in_flight, 20u);
  EXPECT_EQ(once.tree().size(), 60u) << "failed ones count";
}

TEST(StudyTree, KnowsWhatRunningTrialsHaveReported) {
  StudyTree study(square_space(), {.split = 10});
  History history;
  Random random(4);
  for (int i = 0; i < 40; ++i) go_on(history, random);
  create(history, {0.5, 0.5});
  finish(history, TrialState::Running);
  study.update(history);

  report(history, history.trials().back().id, 1, -3);
  study.update(history);

  EXPECT_EQ(study.tree().nodes()[0].value, -3);
  EXPECT_EQ(study.tree().best_leaf(), study.tree().leaf_of({0.5, 0.5}));
}

/// A trial that goes on until an epoch, with a loss per epoch that falls by 1 each time.
void train(History& history, TrialId trial, std::int32_t epoch, TrialState state, double first_loss) {
  TrialStarted started;
  started.trial = trial;
  history.record(started);
  for (std::int32_t e = history[trial].epochs + 1; e <= epoch; ++e) report(history, trial, e, first_loss - e);
  if (state == TrialState::Running) return;
  TrialEnded ended;
  ended.trial = trial;
  ended.state = state;
  ended.epochs = epoch;
  ended.objective = first_loss - epoch;
  history.record(ended);
}

TEST(StudyTree, KnowsPausedTrialsByWhatTheirEpochsAreWorth) {
  StudyTree study(square_space(), {.split = 10});
  History history;
  for (int i = 0; i < 6; ++i) {
    create(history, {0.1 * i, 0.5});
    train(history, history.trials().back().id, 1, TrialState::Paused, i);
  }
  study.update(history);
  EXPECT_EQ(study.tree().losses(), (std::vector<double>{-1, 0, 1, 2, 3, 4}));
  EXPECT_EQ(study.tree().nodes()[0].in_flight, 0u);

  train(history, TrialId{0}, 3, TrialState::Paused, 0);
  train(history, TrialId{1}, 3, TrialState::Completed, 1);
  train(history, TrialId{2}, 2, TrialState::Running, 2);
  study.update(history);

  // From epoch 1 to 3 losses fall by 2: all are as if they had trained for 3 epochs.
  EXPECT_EQ(study.tree().losses(), (std::vector<double>{-3, -2, -1, 0, 1, 2}));
  EXPECT_EQ(study.tree().nodes()[0].visits, 6u);
  EXPECT_EQ(study.tree().nodes()[0].in_flight, 1u) << "one goes on";
}

TEST(StudyTree, IsTheSameWheneverItWasBroughtUpToDateWhereTrialsPause) {
  const TreeOptions options{.split = 10};
  StudyTree often(square_space(), options), once(square_space(), options);
  History history;
  Random random(4);
  for (int i = 0; i < 60; ++i) {
    create(history, {random.uniform(), random.uniform()});
    train(history, history.trials().back().id, 1, TrialState::Paused, random.uniform());
    const TrialId other{static_cast<std::int32_t>(random.below(history.trials().size()))};
    if (history[other].state == TrialState::Running) train(history, other, 4, TrialState::Failed, 1);
    if (history[other].state == TrialState::Paused)
      train(history, other, 3, random.uniform() < 0.5 ? TrialState::Running : TrialState::Completed, 1);
    EXPECT_TRUE(often.update(history));
  }

  once.update(history);

  expect_same(often.tree(), once.tree());
}

TEST(StudyTree, BeginsAnewForAnotherHistory) {
  const TreeOptions options{.split = 10};
  StudyTree study(square_space(), options), fresh(square_space(), options);
  History one, other;
  Random random(4), elsewhere(5);
  for (int i = 0; i < 40; ++i) go_on(one, random);
  for (int i = 0; i < 50; ++i) go_on(other, elsewhere);
  study.update(one);

  EXPECT_FALSE(study.update(other));
  fresh.update(other);

  expect_same(study.tree(), fresh.tree());
}

}  // namespace
}  // namespace regatta::search
