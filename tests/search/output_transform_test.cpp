#include "output_transform.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "numeric.hpp"

namespace regatta::search {
namespace {

using namespace numeric;
using Kind = OutputTransform::Kind;

/// Kinds that change losses, by name.
const std::map<std::string, Kind> transforms{{"Standard", Kind::Standard},
                                        {"HalfRank", Kind::HalfRank},
                                        {"Log", Kind::Log},
                                        {"LogSharp", Kind::LogSharp}};

/// Skewed losses, as searches see them.
std::vector<double> skewed_losses() {
  std::vector<double> losses = normal_numbers(31, 1);
  for (double& loss : losses) loss = 3 + std::exp(2 * loss);
  return losses;
}

std::vector<double> transformed(const OutputTransform& transform, const std::vector<double>& losses) {
  std::vector<double> result;
  for (const double loss : losses) result.push_back(transform(loss));
  return result;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::pow(value - mean_of(values), 2);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

class OutputTransforms : public testing::TestWithParam<std::string> {
 protected:
  Kind kind = transforms.at(GetParam());
};

TEST_P(OutputTransforms, KeepTheOrderOfLosses) {
  std::vector<double> losses = skewed_losses();
  const OutputTransform transform(kind, losses);

  std::ranges::sort(losses);

  for (std::size_t i = 1; i < losses.size(); ++i) {
    EXPECT_LT(transform(losses[i - 1]), transform(losses[i]));
    EXPECT_LE(transform(losses[i - 1]), transform(0.5 * (losses[i - 1] + losses[i])));
    EXPECT_LE(transform(0.5 * (losses[i - 1] + losses[i])), transform(losses[i]));
  }
}

TEST_P(OutputTransforms, GiveTheLossesMeanZeroAndDeviationOne) {
  for (const double scale : {1e-100, 1e-12, 1.0, 1e12, 1e100}) {
    std::vector<double> losses = skewed_losses();
    for (double& loss : losses) loss *= scale;

    const std::vector<double> values = transformed(OutputTransform(kind, losses), losses);

    EXPECT_NEAR(mean_of(values), 0, 1e-12) << scale;
    EXPECT_NEAR(deviation_of(values), 1, 1e-12) << scale;
  }
}

TEST_P(OutputTransforms, HaveTheLogarithmOfTheirSlope) {
  const std::vector<double> losses = skewed_losses();
  const OutputTransform transform(kind, losses);
  std::vector<double> sorted = losses;
  std::ranges::sort(sorted);
  for (const std::size_t place : {2, 7, 14}) {  // half rank keeps the slope of the better half only
    const double loss = 0.5 * (sorted[place] + sorted[place - 1]),
                 step = 1e-2 * (sorted[place] - sorted[place - 1]);

    const double slope = derivative([&](const auto& x) { return transform(x[0]); }, {loss}, 0, step);

    EXPECT_NEAR(transform.log_slope(loss), std::log(slope), 1e-6);
  }
}

TEST_P(OutputTransforms, TakeAnyLosses) {
  std::vector<double> outlier = skewed_losses(), pair = outlier;
  outlier[3] = 1e30;
  pair[3] = 1e150;
  pair[4] = -1e150;
  std::vector<double> tiny(5, 1.0);
  tiny[2] = 1 + 1e-16;
  for (const std::vector<double>& losses :
       {std::vector<double>{7}, std::vector<double>(9, -3.5), std::vector<double>(9, 0.0),
        std::vector<double>(9, 1e150), outlier, pair, tiny, std::vector<double>{0, 5e-324},
        std::vector<double>{0, 1, 1, 1}, std::vector<double>{0, 0, 0, 1}}) {
    const OutputTransform transform(kind, losses);

    for (const double loss : losses) {
      EXPECT_TRUE(std::isfinite(transform(loss))) << loss;
      EXPECT_TRUE(std::isfinite(transform.log_slope(loss))) << loss;
      EXPECT_LT(std::abs(transform(loss)), 10) << loss;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OutputTransforms, testing::Values("Standard", "HalfRank", "Log", "LogSharp"),
                         [](const auto& instance) { return instance.param; });

TEST(OutputTransform, OfNoKindLeavesLossesAsTheyAre) {
  const OutputTransform transform(Kind::None, skewed_losses());

  for (const double loss : {-1e30, 0.0, 3.7}) {
    EXPECT_EQ(transform(loss), loss);
    EXPECT_EQ(transform.log_slope(loss), 0);
  }
}

TEST(OutputTransform, ByRanksLeavesTheBetterHalfInProportion) {
  std::vector<double> losses = skewed_losses();
  const OutputTransform transform(Kind::HalfRank, losses);
  std::ranges::sort(losses);

  const double unit = (transform(losses[1]) - transform(losses[0])) / (losses[1] - losses[0]);

  for (std::size_t i = 2; i <= 15; ++i)
    EXPECT_NEAR(transform(losses[i]) - transform(losses[0]), unit * (losses[i] - losses[0]), 1e-9);
  EXPECT_LT(transform(losses.back()) - transform(losses[0]), 0.5 * unit * (losses.back() - losses[0]));
}

TEST(OutputTransform, ByRanksDoesNotCareHowBadBadLossesAre) {
  std::vector<double> losses = skewed_losses(), worse = losses;
  std::ranges::sort(losses);
  std::ranges::sort(worse);

  for (std::size_t i = 20; i < 31; ++i) worse[i] *= 1e30;

  EXPECT_EQ(transformed(OutputTransform(Kind::HalfRank, losses), losses),
            transformed(OutputTransform(Kind::HalfRank, worse), worse));
}

TEST(OutputTransform, ByRanksOfANormalSampleIsNearlyNormal) {
  const std::vector<double> losses = normal_numbers(2001, 5);

  const std::vector<double> values = transformed(OutputTransform(Kind::HalfRank, losses), losses);

  for (std::size_t i = 0; i < losses.size(); ++i)
    if (std::abs(losses[i]) < 2) {
      EXPECT_NEAR(values[i], losses[i], 0.15);
    }
}

TEST(OutputTransform, ByLogarithmSpreadsTheBestOut) {
  const std::vector<double> losses{0, 0.01, 0.1, 1, 10};

  const auto share = [&](Kind kind) {  // of the range that lies between the two best
    const OutputTransform transform(kind, losses);
    return (transform(0.01) - transform(0)) / (transform(10) - transform(0));
  };

  EXPECT_NEAR(share(Kind::Log), std::log(1.1) / std::log(101), 1e-12);
  EXPECT_NEAR(share(Kind::LogSharp), std::log(2) / std::log(1001), 1e-12);
  EXPECT_NEAR(share(Kind::Standard), 0.001, 1e-12);
}

}  // namespace
}  // namespace regatta::search
