#include "regatta/train/generate.hpp"

#include <cmath>

#include "regatta/core/error.hpp"
#include "support/message_of.hpp"

namespace regatta::train {
namespace {

using support::message_of;
using testing::HasSubstr;

TEST(GenerateRegression, HasAThousandSamplesOfTenFeaturesByDefault) {
  const TableSet data = generate_regression(RegressionOptions{});

  EXPECT_THAT(data.shape, testing::ElementsAre(10));
  EXPECT_EQ(data.outputs, 1u);
  EXPECT_EQ(data.train.values.size(), 700u);
  EXPECT_EQ(data.valid.values.size(), 150u);
  EXPECT_EQ(data.test.values.size(), 150u);
  EXPECT_NO_THROW(check_dataset(data));
}

double mean_square(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum / static_cast<double>(values.size());
}

TEST(GenerateRegression, HasASignalOfVarianceOne) {
  const TableSet data = generate_regression({100000, 5, 0.1, 3});

  EXPECT_NEAR(mean_square(data.train.values), 1.01, 0.03);
  EXPECT_NEAR(mean_square(data.train.x), 1.0, 0.01);
}

TEST(GenerateRegression, LeavesOnlyTheNoiseToABestFitOnOneFeature) {
  const TableSet data = generate_regression({10000, 1, 0.2, 1});

  double product = 0.0;
  for (std::size_t i = 0; i < data.train.values.size(); ++i)
    product += data.train.x[i] * data.train.values[i];
  const double slope = product / static_cast<double>(data.train.values.size()) / mean_square(data.train.x);
  std::vector<float> rest;
  for (std::size_t i = 0; i < data.test.values.size(); ++i)
    rest.push_back(data.test.values[i] - static_cast<float>(slope) * data.test.x[i]);

  EXPECT_NEAR(slope, 1.0, 0.02);
  EXPECT_NEAR(std::sqrt(mean_square(rest)), 0.2, 0.02);
}

TEST(GenerateRegression, DependsOnTheSeed) {
  const std::map<std::string, std::string> one{{"seed", "1"}}, two{{"seed", "2"}};

  EXPECT_EQ(generate_regression(one).train.x, generate_regression(RegressionOptions{}).train.x);
  EXPECT_NE(generate_regression(one).train.x, generate_regression(two).train.x);
}

TEST(GenerateRecall, LabelsEachStepWithTheLastSymbolSoFar) {
  const TableSet data = generate_recall(RecallOptions{200, 12, 3, 5, 1});

  EXPECT_EQ(data.tokens, 8u);
  ASSERT_EQ(data.train.lengths.size(), 140u);
  std::size_t labelled = 0;
  for (std::size_t row = 0; row < data.train.lengths.size(); ++row) {
    std::int32_t last = no_label;
    EXPECT_GE(data.train.lengths[row], 6);
    for (std::size_t step = 0; step < 12; ++step) {
      const float token = data.train.x[row * 12 + step];
      const bool padding = static_cast<std::int32_t>(step) >= data.train.lengths[row];
      if (!padding && token < 3) last = static_cast<std::int32_t>(token);
      ASSERT_EQ(data.train.labels[row * 12 + step], padding ? no_label : last);
      labelled += !padding && last != no_label;
    }
  }
  EXPECT_GT(labelled, 500u);
}

TEST(GenerateRegression, NamesWrongOptions) {
  const auto message = [](const std::map<std::string, std::string>& options) {
    return message_of<InvalidInput>([&] { generate_regression(options); });
  };

  EXPECT_THAT(message({{"sample", "5"}}), HasSubstr("there is no option 'sample'; did you mean 'samples'?"));
  EXPECT_THAT(message({{"noise", "-1"}}), HasSubstr("noise must be at least 0, got -1"));
  EXPECT_THAT(message({{"samples", "3"}}), HasSubstr("samples must be at least 10"));
}

}  // namespace
}  // namespace regatta::train
