#include "trust_region.hpp"

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
}  // namespace regatta::search
