#include "embedding.hpp"

#include <algorithm>
#include <numbers>

#include "numeric.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using namespace numeric;
using namespace study;

std::vector<double> features_of(const Embedding& embedding, const space::Config& config) {
  std::vector<double> features(embedding.features(), 99);
  embedding.embed(config, features);
  return features;
}

double distance(const Embedding& embedding, const space::Config& a, const space::Config& b) {
  const std::vector<double> x = features_of(embedding, a), y = features_of(embedding, b);
  double squared = 0;
  for (std::size_t c = 0; c < x.size(); ++c) squared += (x[c] - y[c]) * (x[c] - y[c]);
  return std::sqrt(squared);
}

TEST(Embedding, PlacesNumbersByTheirUnitCoordinate) {
  const Embedding embedding(space_of({{"u", "uniform(0, 10)", {}}, {"l", "loguniform(1, 100)", {}}}));

  EXPECT_EQ(embedding.features(), 2u);
  EXPECT_EQ(embedding.groups().groups, 2u);
  EXPECT_NEAR(distance(embedding, {2, 10}, {7, 10}), 0.5, 1e-12);
  EXPECT_NEAR(distance(embedding, {2, 1}, {2, 10}), 0.5, 1e-12);
  EXPECT_NEAR(features_of(embedding, {5, 10})[0], 0, 1e-12);
}

TEST(Embedding, PlacesWholeNumbersAndOrdinalsInEvenSteps) {
  const Embedding embedding(space_of({{"i", "int(1, 5)", {}}, {"o", "ordinal(1, 5, 10, 100)", {}}}));

  EXPECT_EQ(embedding.features(), 2u);
  for (double i = 1; i < 5; ++i) EXPECT_NEAR(distance(embedding, {i, 0}, {i + 1, 0}), 0.2, 1e-12);
  for (double o = 0; o < 3; ++o) EXPECT_NEAR(distance(embedding, {1, o}, {1, o + 1}), 0.25, 1e-12);
  EXPECT_NEAR(features_of(embedding, {3, 0})[0], 0, 1e-12);
}

TEST(Embedding, PlacesAllWordsAtDistanceOne) {
  const Embedding embedding(space_of({{"c", "choice(p, q, r, s)", {}}}));

  EXPECT_EQ(embedding.features(), 4u);
  EXPECT_EQ(embedding.groups().groups, 1u);
  for (double a = 0; a < 4; ++a)
    for (double b = 0; b < a; ++b) EXPECT_NEAR(distance(embedding, {a}, {b}), 1, 1e-12);
}

TEST(Embedding, PlacesAConditionalNumberOnAnArcAroundInactive) {
  const Embedding embedding(space_of({{"c", "choice(p, q)", {}}, {"x", "uniform(0, 1) if c == p", {}}}));
  const double radius = 2 / std::numbers::pi;

  EXPECT_EQ(embedding.features(), 4u);
  EXPECT_EQ(embedding.groups().groups, 2u);
  const double hamming = 1;  // of p and q
  for (const double x : {0.0, 0.3, 0.9})
    EXPECT_NEAR(distance(embedding, {0, x}, {1, not_a_number}), std::hypot(hamming, radius), 1e-12);
  EXPECT_NEAR(distance(embedding, {0, 0}, {0, 1}), radius * std::numbers::sqrt2, 1e-6);  // a right angle
  EXPECT_NEAR(distance(embedding, {0, 0.5}, {0, 0.5001}), 0.0001, 1e-9);
}

TEST(Embedding, PlacesConditionalWordsAroundInactive) {
  const Embedding embedding(space_of({{"on", "ordinal(no, yes)", {}},
                                      {"c", "choice(p, q, r) if on == yes", {}},
                                      {"k", "constant(3) if on == yes", {}}}));

  EXPECT_EQ(embedding.features(), 5u);
  EXPECT_NEAR(distance(embedding, {1, 0, 0}, {1, 2, 0}), 1, 1e-12);
  const double toggle = 0.5;
  for (const double word :
       {0.0, 1.0, 2.0})  // "inactive" is 1/sqrt(2) away for the words and for the constant
    EXPECT_NEAR(distance(embedding, {1, word, 0}, {0, not_a_number, not_a_number}),
                std::sqrt(toggle * toggle + 1), 1e-12);
}

TEST(Embedding, LeavesOutWhatCannotVary) {
  const Embedding embedding(
      space_of({{"k", "constant(3)", {}}, {"x", "uniform(0, 1)", {}}, {"i", "int(2, 2)", {}}}));

  EXPECT_EQ(embedding.features(), 1u);
  EXPECT_EQ(embedding.continuous(), std::vector<std::size_t>{1});
  EXPECT_TRUE(embedding.discrete().empty());
  EXPECT_EQ(Embedding(space::Space()).features(), 0u);
}

TEST(Embedding, TellsContinuousFromDiscreteParameters) {
  const space::Space space = mixed_space();
  const Embedding embedding(space);

  std::vector<std::string> continuous, discrete;
  for (const std::size_t i : embedding.continuous()) continuous.push_back(space.parameters()[i].name);
  for (const std::size_t i : embedding.discrete()) discrete.push_back(space.parameters()[i].name);
  EXPECT_EQ(continuous, (std::vector<std::string>{"rate", "scale", "momentum"}));
  EXPECT_EQ(discrete, (std::vector<std::string>{"layers", "units", "dropout", "optimizer", "patience"}));
  EXPECT_FALSE(embedding.plain());
}

TEST(Embedding, GivesEveryGroupItsFeaturesOneAfterAnother) {
  const FeatureGroups groups = Embedding(mixed_space()).groups();

  EXPECT_TRUE(std::ranges::is_sorted(groups.group_of));
  EXPECT_EQ(groups.group_of.front(), 0u);
  EXPECT_EQ(groups.group_of.back(), groups.groups - 1);
}

TEST(Embedding, OfAPlainSpaceNeedsNoConfigurations) {
  const space::Space space = space_of({{"u", "uniform(-3, 4)", {}}, {"n", "normal(1, 2)", {}}});
  const Embedding embedding(space);
  ASSERT_TRUE(embedding.plain());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<double> unit = centred_numbers(2, seed), features(2);
    for (double& entry : unit) entry += 0.5;

    embedding.embed_plain(unit, features);

    const std::vector<double> wanted = features_of(embedding, space.decode(unit));
    for (std::size_t c = 0; c < 2; ++c) EXPECT_NEAR(features[c], wanted[c], 1e-9);
  }
}

TEST(Embedding, PullsDerivativesBackToContinuousCoordinates) {
  const space::Space space = mixed_space();
  const Embedding embedding(space);
  const std::vector<double> weights = normal_numbers(embedding.features(), 1);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<double> unit = centred_numbers(space.size(), seed), by_unit(space.size(), 99);
    for (double& entry : unit) entry = 0.5 + 0.9 * entry;

    embedding.pull_back(space.decode(unit), unit, weights, by_unit);

    const auto weighed = [&](const std::vector<double>& point) {
      return product(features_of(embedding, space.decode(point)), weights);
    };
    for (const std::size_t i : embedding.continuous())
      EXPECT_NEAR(by_unit[i], derivative(weighed, unit, i), 1e-8) << i;
    for (const std::size_t i : embedding.discrete()) EXPECT_EQ(by_unit[i], 0) << i;
  }
}

}  // namespace
}  // namespace regatta::search
