#include "lbfgs.hpp"

#include <limits>

#include "numeric.hpp"

namespace regatta::search {
namespace {

using namespace numeric;

constexpr LbfgsOptions precise{.iterations = 500, .gradient_tolerance = 1e-9, .value_tolerance = 0};

/// Calls a function of one point for each row.
template <class Function>
BatchFunction batch(std::size_t d, const Function& function) {
  return [=](std::span<const double> points, std::span<double> values, std::span<double> gradients) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = function(points.subspan(i * d, d), gradients.subspan(i * d, d));
  };
}

/// sum of c_i (x_i - m_i)^2 with c = 1, 10, 100 and m = 0.5, 2, -3.
double quadratic(std::span<const double> x, std::span<double> gradient) {
  constexpr double curvature[] = {1, 10, 100}, minimiser[] = {0.5, 2, -3};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double step = x[i] - minimiser[i];
    sum += curvature[i] * step * step;
    gradient[i] = 2 * curvature[i] * step;
  }
  return sum;
}

double rosenbrock(std::span<const double> x, std::span<double> gradient) {
  const double valley = x[1] - x[0] * x[0];
  gradient[0] = -400 * valley * x[0] - 2 * (1 - x[0]);
  gradient[1] = 200 * valley;
  return 100 * valley * valley + (1 - x[0]) * (1 - x[0]);
}

TEST(Lbfgs, FindsTheMinimumOfABowlInsideTheBox) {
  const std::vector<double> low(3, -5), high(3, 5), start{-4, 4, 4};

  const auto minima = minimise(batch(3, quadratic), start, low, high, precise);

  ASSERT_EQ(minima.size(), 1u);
  EXPECT_NEAR(minima[0].point[0], 0.5, 1e-7);
  EXPECT_NEAR(minima[0].point[1], 2, 1e-7);
  EXPECT_NEAR(minima[0].point[2], -3, 1e-7);
  EXPECT_NEAR(minima[0].value, 0, 1e-12);
}

TEST(Lbfgs, StopsAtTheBoundsThatHoldIt) {
  const std::vector<double> low(3, -1), high(3, 1), start{0, 0, 0};

  const auto minima = minimise(batch(3, quadratic), start, low, high, precise);

  EXPECT_NEAR(minima[0].point[0], 0.5, 1e-7);
  EXPECT_EQ(minima[0].point[1], 1);
  EXPECT_EQ(minima[0].point[2], -1);
  EXPECT_NEAR(minima[0].value, 10 + 400, 1e-9);
}

TEST(Lbfgs, LeavesABoundAgainThatDoesNotHoldIt) {
  const std::vector<double> low(3, -5), high(3, 5), start{-5, 5, 5};

  const auto minima = minimise(batch(3, quadratic), start, low, high, precise);

  EXPECT_NEAR(minima[0].value, 0, 1e-12);
}

TEST(Lbfgs, FollowsTheValleyOfRosenbrock) {
  const std::vector<double> low(2, -5), high(2, 10), start{-1.2, 1};

  const auto minima = minimise(batch(2, rosenbrock), start, low, high, precise);

  EXPECT_NEAR(minima[0].point[0], 1, 1e-6);
  EXPECT_NEAR(minima[0].point[1], 1, 1e-6);
}

TEST(Lbfgs, TakesEachOfSeveralStartsWhereItComesToAlone) {
  const std::vector<double> low(2, -5), high(2, 10), starts{-1.2, 1, 9, 9, 1, 1, -5, 10, 0, 0};

  const auto together = minimise(batch(2, rosenbrock), starts, low, high, {});

  ASSERT_EQ(together.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    const auto alone = minimise(batch(2, rosenbrock), std::span(starts).subspan(2 * i, 2), low, high, {});
    EXPECT_EQ(together[i].point, alone[0].point);
    EXPECT_EQ(together[i].value, alone[0].value);
  }
}

TEST(Lbfgs, KeepsTheBetterHalfAfterEachHeat) {
  const std::vector<double> low(2, -5), high(2, 10), starts{-1.2, 1, 9, 9, 1.1, 1.1, -5, 10, 0, 0};
  std::vector<std::size_t> runners;
  const auto watched = [&](std::span<const double> points, std::span<double> values,
                           std::span<double> gradients) {
    runners.push_back(values.size());
    batch(2, rosenbrock)(points, values, gradients);
  };

  const auto minima = minimise(watched, starts, low, high, {.iterations = 100, .heat = 2});

  ASSERT_GT(runners.size(), 5u);
  EXPECT_EQ(std::vector(runners.begin(), runners.begin() + 5), (std::vector<std::size_t>{5, 5, 3, 3, 2}));
  ASSERT_EQ(minima.size(), 5u);
  EXPECT_NEAR(std::ranges::min(minima, {}, &Minimum::value).value, 0, 1e-6);
}

TEST(Lbfgs, HoldsAHeatInEachBox) {
  const std::vector<double> starts{1, 1, 1, 1, 1, 1, 9, 9, 8, 8, 7, 7}, low(2, -5), high(2, 10), other(2, -5);
  const Box first{low, high}, second{other, high};
  std::vector<std::size_t> runners;
  const auto watched = [&](std::span<const double> points, std::span<double> values,
                           std::span<double> gradients) {
    runners.push_back(values.size());
    batch(2, rosenbrock)(points, values, gradients);
  };

  minimise(watched, starts, std::vector{first, first, first, second, second, second},
           {.iterations = 100, .heat = 2});

  // The first three have nowhere to go; the others lose one of their three to their own heat.
  ASSERT_GT(runners.size(), 3u);
  EXPECT_EQ(std::vector(runners.begin(), runners.begin() + 3), (std::vector<std::size_t>{6, 3, 2}));
}

TEST(Lbfgs, KeepsEachStartInABoxOfItsOwn) {
  const std::vector<double> starts{-1, 2, 3, 4}, left{-2, -2}, middle{0, 3}, right{5, 5};
  const std::vector<Box> boxes{{left, middle}, {middle, right}};

  const auto minima = minimise(batch(2, rosenbrock), starts, boxes, precise);

  ASSERT_EQ(minima.size(), 2u);
  EXPECT_NEAR(minima[0].point[0], 0, 1e-6);  // as near to (1, 1) as the boxes let them
  EXPECT_NEAR(minima[1].point[1], 3, 1e-6);
}

TEST(Lbfgs, NeverAsksOutsideTheBoxAndNeverGetsWorse) {
  const std::vector<double> low{-2, 0.5}, high{1.5, 3}, starts{-1.2, 1, 1.5, 3};
  bool inside = true;
  const auto watched = batch(2, [&](std::span<const double> x, std::span<double> gradient) {
    for (std::size_t i = 0; i < 2; ++i) inside = inside && low[i] <= x[i] && x[i] <= high[i];
    return rosenbrock(x, gradient);
  });

  const auto minima = minimise(watched, starts, low, high, {});

  EXPECT_TRUE(inside);
  std::vector<double> gradient(2);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_LE(minima[i].value, rosenbrock(std::span(starts).subspan(2 * i, 2), gradient));
}

TEST(Lbfgs, TurnsBackFromInfiniteValues) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> low{-5}, high{5}, starts{3, -4};
  const auto walled = batch(1, [](std::span<const double> x, std::span<double> gradient) {
    gradient[0] = 2 * (x[0] - 1);
    return x[0] < 0.9 ? infinity : (x[0] - 1) * (x[0] - 1);
  });

  const auto minima = minimise(walled, starts, low, high, precise);

  EXPECT_NEAR(minima[0].point[0], 1, 1e-6);
  EXPECT_EQ(minima[1].point[0], -4);  // nothing is known of the way down from there
  EXPECT_EQ(minima[1].value, infinity);
}

TEST(Lbfgs, StaysWhereNothingLeadsDown) {
  const std::vector<double> low{0}, high{1}, starts{0.25, 1};
  const auto flat =
      batch(1, [](std::span<const double>, std::span<double> gradient) { return gradient[0] = 0; });

  const auto minima = minimise(flat, starts, low, high, {});

  EXPECT_EQ(minima[0].point[0], 0.25);
  EXPECT_EQ(minima[1].point[0], 1);
  EXPECT_TRUE(minimise(flat, {}, low, high, {}).empty());
}

TEST(Lbfgs, GivesUpOnAGradientThatLies) {
  const std::vector<double> low{0}, high{1}, starts{0.5};
  const auto lying = batch(1, [](std::span<const double> x, std::span<double> gradient) {
    gradient[0] = -1;
    return x[0];
  });

  const auto minima = minimise(lying, starts, low, high, {});

  EXPECT_EQ(minima[0].point[0], 0.5);
}

TEST(Lbfgs, StaysWhereTheGradientIsNotFinite) {
  for (const double entry :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const std::vector<double> low{0, 0}, high{1, 1}, starts{0.5, 0.5};
    bool inside = true;
    const auto broken = batch(2, [&](std::span<const double> x, std::span<double> gradient) {
      for (const double coordinate : x) inside = inside && 0 <= coordinate && coordinate <= 1;
      gradient[0] = entry;
      gradient[1] = -1;
      return x[1];
    });

    const auto minima = minimise(broken, starts, low, high, {});

    EXPECT_TRUE(inside);
    EXPECT_EQ(minima[0].point, starts);
  }
}

}  // namespace
}  // namespace regatta::search
