#include "regatta/core/random.hpp"

#include <numeric>
#include <set>

namespace regatta {
namespace {

TEST(Random, GivesTheSameStreamForTheSameSeed) {
  Random a(7, 3), b(7, 3), other(7, 4);

  EXPECT_EQ(a.bits(), b.bits());
  EXPECT_NE(a.bits(), other.bits());
}

TEST(Random, IsUniformInItsMoments) {
  Random random(1);
  double sum = 0, squares = 0;
  constexpr int count = 200000;
  for (int i = 0; i < count; ++i) {
    const double u = random.uniform();
    ASSERT_TRUE(0 <= u && u < 1);
    sum += u;
    squares += u * u;
  }

  EXPECT_NEAR(sum / count, 0.5, 0.003);
  EXPECT_NEAR(squares / count, 1.0 / 3.0, 0.003);
}

TEST(Random, IsNormalInItsMoments) {
  Random random(2);
  double sum = 0, squares = 0;
  constexpr int count = 200000;
  for (int i = 0; i < count; ++i) {
    const double z = random.normal();
    sum += z;
    squares += z * z;
  }

  EXPECT_NEAR(sum / count, 0.0, 0.01);
  EXPECT_NEAR(squares / count, 1.0, 0.02);
}

TEST(Random, DrawsEveryIntegerBelowTheBoundEquallyOften) {
  Random random(3);
  std::array<int, 5> counts{};
  for (int i = 0; i < 50000; ++i) ++counts.at(random.below(5));

  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(Random, ShufflesIntoAPermutation) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  Random(4).shuffle(std::span(items));

  EXPECT_EQ(std::set<int>(items.begin(), items.end()).size(), 100u);
  EXPECT_FALSE(std::is_sorted(items.begin(), items.end()));
}

}  // namespace
}  // namespace regatta
