#include "trust_region.hpp"

#include <algorithm>
#include <cmath>

#include "filled_valleys.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using namespace study;

constexpr double close_by = 0.01;

/// Results on a line: places and losses.
double length_after(const std::vector<double>& places, const std::vector<double>& losses) {
  std::vector<space::UnitPoint> units;
  for (const double place : places) units.push_back({place});
  return trust_length(units, losses);
}

TEST(TrustLength, DoublesAfterThreeImprovementsInARow) {
  const std::vector<double> places(5, 0.5);

  EXPECT_EQ(length_after({0.5}, {9}), 0.8);
  EXPECT_EQ(length_after({0.5, 0.5, 0.5}, {9, 8, 7}), 0.8);
  EXPECT_EQ(length_after({0.5, 0.5, 0.5, 0.5}, {9, 8, 7, 6}), 1.6);
  EXPECT_EQ(length_after({0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, {9, 8, 7, 6, 5, 4, 3}), 1.6);
}

TEST(TrustLength, HalvesAfterFiveResultsInsideWithoutAnImprovement) {
  EXPECT_EQ(length_after({0.5, 0.5, 0.5, 0.5, 0.5}, {1, 2, 2, 2, 2}), 0.8);
  EXPECT_EQ(length_after({0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, {1, 2, 2, 2, 2, 2}), 0.4);
  EXPECT_EQ(length_after({0.5, 0.5, 0.5, 0.5, 0.5, 0.95}, {1, 2, 2, 2, 2, 2}), 0.8) << "one lies outside";
}

TEST(TrustLength, BeginsAnewWhenItHasBecomeTooSmall) {
  std::vector<double> places(1 + 5 * 7, 0.5), losses(places.size(), 2);
  losses[0] = 1;

  EXPECT_EQ(length_after({places.begin(), places.end() - 5}, {losses.begin(), losses.end() - 5}), 0.0125);
  EXPECT_EQ(length_after(places, losses), 0.8);
}

class TrustRegions : public testing::Test {
 protected:
  /// Two hollows on a square, the lower one at (0.2, 0.2), each seen so often without an improvement that a
  /// trust region there has become small.
  TrustRegions() {
    for (int i = 0; i < 12; ++i) add(0.2 + close_by * i / 12, 0.2, i == 0 ? 0 : 0.1);
    for (int i = 0; i < 12; ++i) add(0.8, 0.8 - close_by * i / 12, i == 0 ? 0.05 : 0.2);
    for (int i = 0; i < 12; ++i) add(0.5 + 0.1 * (i % 3), 0.1 + 0.07 * i, 1);
    surrogate_.update(history_);
  }

  void add(double x, double y, double loss) {
    create(history_, {x, y});
    finish(history_, TrialState::Completed, loss);
  }

  std::vector<Region> regions(std::size_t count) {
    const Surrogate::Model& model = surrogate_.draw(0);
    return trust_regions(surrogate_, model, count);
  }

  History history_;
  Surrogate surrogate_{space_of({{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}}), {}};
};

TEST_F(TrustRegions, LieAroundTheBestOfWhatTheOnesBeforeLeaveOut) {
  const std::vector<Region> both = regions(2);

  ASSERT_EQ(both.size(), 2u);
  EXPECT_TRUE(both[0].contains({0.2, 0.2}));
  EXPECT_FALSE(both[0].contains({0.8, 0.8}));
  EXPECT_TRUE(both[1].contains({0.8, 0.8}));
  EXPECT_FALSE(both[1].contains({0.2, 0.2}));
}

TEST_F(TrustRegions, AreAsManyAsThereAreResultsFor) {
  EXPECT_EQ(regions(1).size(), 1u);
  EXPECT_GE(regions(50).size(), 2u);
  EXPECT_LT(regions(50).size(), 10u);
}

}  // namespace
/// A hollow that is exhausted around (0.2, 0.2), another one that was seen twice, and a plain.
class FilledValleysTest : public testing::Test {
 protected:
  FilledValleysTest() {
    for (int i = 0; i < 10; ++i) add(0.2 + close_by * i / 10, 0.2, i == 0 ? 0 : 0.1);
    add(0.8, 0.8, 0.5), add(0.82, 0.8, 0.6);
    for (int i = 0; i < 12; ++i) add(0.05 + 0.3 * (i % 4), 0.4 + 0.05 * i, 1 + 0.01 * i);
    for (int i = 0; i < 5; ++i) add(0.2, 0.2 + close_by * (i + 1) / 10, 0.1);
    surrogate_.update(history_);
  }

  void add(double x, double y, double loss) {
    create(history_, {x, y});
    finish(history_, TrialState::Completed, loss);
  }

  static BayesianOptions one_model() {
    BayesianOptions options;
    options.kernel = "rbf", options.transform = "standard", options.warp = "false";
    return options;
  }

  History history_;
  Surrogate surrogate_{space_of({{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}}), one_model()};
};

TEST_F(FilledValleysTest, AreStagnantWhenResultsNearTheBestOneNoLongerImprove) {
  EXPECT_TRUE(FilledValleys(surrogate_).stagnant(1e-3));

  add(0.2, 0.199, -1);
  surrogate_.update(history_);

  EXPECT_FALSE(FilledValleys(surrogate_).stagnant(1e-3));
}

TEST_F(FilledValleysTest, AreFilledUpToWhatIsUsualFarAway) {
  const std::vector<double>& losses = surrogate_.active().losses;
  const std::vector<double>& scale = surrogate_.models()[0].process->scale();
  std::vector<double> squared, far;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const space::UnitPoint& unit = surrogate_.active().units[i];
    squared.push_back(std::pow((unit[0] - 0.2) * std::max(1.0, scale[0]), 2) +
                      std::pow((unit[1] - 0.2) * std::max(1.0, scale[1]), 2));
    if (squared[i] > 16) far.push_back(losses[i]);
  }
  if (far.empty()) far = losses;
  std::ranges::sort(far);
  const double usual = far[(far.size() - 1) / 2];

  const std::vector<double> filled = FilledValleys(surrogate_).filled(1e-3);

  EXPECT_NEAR(filled[0], usual, 1e-12);
  for (std::size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(filled[i], losses[i] + std::exp(-squared[i] / 8) * std::max(0.0, usual - losses[i]), 1e-9);
}

TEST_F(FilledValleysTest, LeaveTheRestToAModelThatDoesNotKnowThem) {
  const FilledValleys valleys(surrogate_);

  const Surrogate::Model rest = valleys.rest(valleys.filled(1e-3));

  EXPECT_TRUE(rest.best == 10 || rest.best == 11) << rest.best << " does not lie in the other hollow";
  const std::vector<double> places{0.2 - 0.5, 0.2 - 0.5, 0.8 - 0.5, 0.8 - 0.5};
  const std::vector<double> mean = rest.process->predict_mean({places.data(), 2, 2, 2});
  EXPECT_LT(mean[1], mean[0]);
}

}  // namespace regatta::search
