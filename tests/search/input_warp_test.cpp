#include "input_warp.hpp"

#include <gtest/gtest.h>

#include "numeric.hpp"

namespace regatta::search {
namespace {

using namespace numeric;

const FeatureGroups warped_groups{{0, 1, 1, 2}, 3, {0, 3}};

double bent(double feature, double log_a, double log_b) {
  std::vector<double> features{feature, 0.1, 0.2, 0.3};
  InputWarp(warped_groups, std::vector<double>{log_a, log_b, 0, 0}).apply(features, {});
  return features[0];
}

TEST(InputWarp, IsTheIdentityWithoutShapesAndWithShapesOfOne) {
  EXPECT_TRUE(InputWarp(warped_groups, {}).trivial());
  for (const double x : {-0.4, 0.0, 0.25, 0.49}) EXPECT_NEAR(bent(x, 0, 0), x, 1e-15);
}

TEST(InputWarp, IsKumaraswamysDistributionFunction) {
  const double a = 3, b = 2, u = 0.8;

  EXPECT_NEAR(bent(u - 0.5, std::log(a), std::log(b)), 1 - std::pow(1 - std::pow(u, a), b) - 0.5, 1e-15);
}

TEST(InputWarp, LeavesFeaturesThatAreNotOnALine) {
  std::vector<double> features{0.1, 0.2, 0.3, 0.4}, slopes(4);

  InputWarp(warped_groups, std::vector<double>{1, 1, 1, 1}).apply(features, slopes);

  EXPECT_EQ(features[1], 0.2);
  EXPECT_EQ(features[2], 0.3);
  EXPECT_EQ(slopes[1], 1);
  EXPECT_NE(features[0], 0.1);
  EXPECT_NE(features[3], 0.4);
}

TEST(InputWarp, HasItsDerivativesByFeaturesAndShapes) {
  const std::vector<double> at{0.2, 0.1, 0.2, -0.3}, shapes{0.7, -0.4, -0.8, 0.5}, weights{2, 3, 5, 7};
  const auto weighed = [&](std::vector<double> features, const std::vector<double>& with) {
    InputWarp(warped_groups, with).apply(features, {});
    return product(features, weights);
  };
  std::vector<double> features = at, slopes(4), by_shapes(4, 10);

  InputWarp(warped_groups, shapes).apply(features, slopes);
  InputWarp(warped_groups, shapes).pull_back(at, weights, by_shapes);

  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_NEAR(weights[k] * slopes[k], derivative([&](const auto& x) { return weighed(x, shapes); }, at, k),
                1e-8);
    EXPECT_NEAR(by_shapes[k] - 10, derivative([&](const auto& x) { return weighed(at, x); }, shapes, k),
                1e-8);
  }
}

TEST(InputWarp, StaysFiniteAndMonotoneAtTheEnds) {
  for (const double log_a : {-1.6, 1.6})
    for (const double log_b : {-1.6, 1.6}) {
      double before = -1;
      for (const double x : {-0.5, -0.4999, 0.0, 0.4999, 0.5}) {
        const double now = bent(x, log_a, log_b);
        EXPECT_GE(now, before);
        EXPECT_LE(std::abs(now), 0.5);
        before = now;
      }
    }
}

}  // namespace
}  // namespace regatta::search
