#include "regatta/search/sobol_sequence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

using Points = std::vector<std::vector<double>>;

Points points_of(const SobolSequence& sequence, std::size_t dimensions, std::uint32_t first,
                 std::uint32_t count) {
  Points points(count, std::vector<double>(dimensions));
  for (std::uint32_t i = 0; i < count; ++i) sequence.point(first + i, points[i]);
  return points;
}

TEST(SobolSequence, StartsWithTheKnownPoints) {
  const Points points = points_of(SobolSequence(3), 3, 0, 8);

  EXPECT_EQ(points, (Points{{0, 0, 0},
                            {0.5, 0.5, 0.5},
                            {0.25, 0.75, 0.75},
                            {0.75, 0.25, 0.25},
                            {0.125, 0.625, 0.375},
                            {0.625, 0.125, 0.875},
                            {0.375, 0.375, 0.625},
                            {0.875, 0.875, 0.125}}));
}

TEST(SobolSequence, HasOnePointInEachIntervalOfEachCoordinate) {
  constexpr std::size_t dimensions = 20;
  const SobolSequence sequence(dimensions, 42);
  for (const std::uint32_t size : {1u, 2u, 16u, 256u, 4096u}) {
    for (const std::uint32_t block : {0u, 1u, 5u}) {
      const Points points = points_of(sequence, dimensions, block * size, size);
      for (std::size_t d = 0; d < dimensions; ++d) {
        std::set<int> hit;
        for (const auto& point : points) hit.insert(static_cast<int>(point[d] * size));
        ASSERT_EQ(hit.size(), size) << "dimension " << d << ", block " << block << " of " << size;
      }
    }
  }
}

TEST(SobolSequence, HasOnePointInEachElementaryBoxOfTheFirstTwoCoordinates) {
  const SobolSequence sequence(2, 42);
  constexpr int k = 8;
  const Points points = points_of(sequence, 2, 3 << k, 1 << k);
  for (int split = 0; split <= k; ++split) {
    std::set<std::pair<int, int>> hit;
    for (const auto& point : points)
      hit.emplace(static_cast<int>(point[0] * (1 << split)), static_cast<int>(point[1] * (1 << (k - split))));
    EXPECT_EQ(hit.size(), points.size()) << "boxes of 2^-" << split << " by 2^-" << k - split;
  }
}

/// Warnock's formula for the L2 star discrepancy, squared.
double discrepancy(const Points& points) {
  const auto n = static_cast<double>(points.size());
  const auto d = static_cast<double>(points.front().size());
  double single = 0, pairs = 0;
  for (const auto& x : points) {
    double product = 1;
    for (const double xi : x) product *= (1 - xi * xi) / 2;
    single += product;
    for (const auto& y : points) {
      double overlap = 1;
      for (std::size_t i = 0; i < x.size(); ++i) overlap *= 1 - std::max(x[i], y[i]);
      pairs += overlap;
    }
  }
  return std::pow(3, -d) - 2 / n * single + pairs / (n * n);
}

/// The mean of discrepancy() over sets of `n` random points.
double random_discrepancy(std::size_t n, std::size_t dimensions) {
  const auto d = static_cast<double>(dimensions);
  return (std::pow(2, -d) - std::pow(3, -d)) / static_cast<double>(n);
}

TEST(SobolSequence, IsFarMoreEvenThanRandomPoints) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    EXPECT_LT(discrepancy(points_of(SobolSequence(2, seed), 2, 0, 1024)), random_discrepancy(1024, 2) / 100);
    EXPECT_LT(discrepancy(points_of(SobolSequence(6, seed), 6, 0, 1024)), random_discrepancy(1024, 6) / 5);
  }
}

TEST(SobolSequence, HasUniformAndUncorrelatedPointsOverTheSeeds) {
  constexpr int seeds = 4000;
  double sum = 0, squares = 0, product = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    const auto point = points_of(SobolSequence(2, static_cast<std::uint64_t>(seed)), 2, 5, 1).front();
    sum += point[0] - 0.5;
    squares += (point[0] - 0.5) * (point[0] - 0.5);
    product += (point[0] - 0.5) * (point[1] - 0.5);
  }

  EXPECT_NEAR(sum / seeds, 0, 4 * std::sqrt(1.0 / 12 / seeds));
  EXPECT_NEAR(squares / seeds, 1.0 / 12, 0.005);
  EXPECT_NEAR(product / seeds, 0, 4.0 / 12 / std::sqrt(seeds));
}

TEST(SobolSequence, FollowsFromItsSeed) {
  const Points points = points_of(SobolSequence(4, 9), 4, 0, 64);

  EXPECT_EQ(points, points_of(SobolSequence(4, 9), 4, 0, 64));
  EXPECT_NE(points, points_of(SobolSequence(4, 10), 4, 0, 64));
  for (const auto& point : points)
    for (const double x : point) EXPECT_TRUE(0 < x && x < 1);
}

TEST(SobolSequence, GivesItsFirstPointsAtOnce) {
  for (const SobolSequence& sequence : {SobolSequence(3), SobolSequence(3, 9)}) {
    const Points points = points_of(sequence, 3, 0, 77);

    const std::vector<double> rows = sequence.first_points(77);

    for (std::size_t i = 0; i < 77; ++i)
      EXPECT_TRUE(std::ranges::equal(std::span(rows).subspan(3 * i, 3), points[i])) << i;
    EXPECT_EQ(rows.size(), 3 * 77u);
  }
}

TEST(SobolSequence, DoesNotDependOnTheNumberOfFurtherDimensions) {
  const auto few = points_of(SobolSequence(2, 9), 2, 7, 1).front();
  const auto many = points_of(SobolSequence(50, 9), 50, 7, 1).front();

  EXPECT_EQ(few[0], many[0]);
  EXPECT_EQ(few[1], many[1]);
}

TEST(SobolSequence, SaysHowManyDimensionsItHas) {
  EXPECT_GE(SobolSequence::max_dimensions(), 1000u);
  EXPECT_THROW(SobolSequence(SobolSequence::max_dimensions() + 1), InvalidInput);
}

}  // namespace
}  // namespace regatta::search
