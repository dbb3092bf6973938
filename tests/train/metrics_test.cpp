#include "regatta/train/metrics.hpp"

#include <cmath>
#include <limits>

#include "regatta/core/error.hpp"

namespace regatta::train {
namespace {

/// Truth 0 0 0 1 1 2 of four classes, answered 0 0 1 1 3 2: class 3 occurs in the answers only.
struct Classification : testing::Test {
  std::vector<std::int32_t> labels{0, 0, 0, 1, 1, 2};
  std::vector<float> outputs;
  Classification() {
    for (const int answer : {0, 0, 1, 1, 3, 2})
      for (int c = 0; c < 4; ++c) outputs.push_back(c == answer ? 1.0f : 0.0f);
  }
  double score_of(Measure measure) const {
    return score(measure, {outputs, 4, device::LossKind::CrossEntropy, labels, 4, {}});
  }
};

TEST_F(Classification, IsScoredByHand) {
  EXPECT_DOUBLE_EQ(score_of(Measure::Accuracy), 4.0 / 6);
  EXPECT_DOUBLE_EQ(score_of(Measure::BalancedAccuracy), (2.0 / 3 + 0.5 + 1) / 3);
  EXPECT_DOUBLE_EQ(score_of(Measure::RecallMacro), (2.0 / 3 + 0.5 + 1 + 0) / 4);
  EXPECT_DOUBLE_EQ(score_of(Measure::PrecisionMacro), (1 + 0.5 + 1 + 0) / 4);
  EXPECT_DOUBLE_EQ(score_of(Measure::F1Macro), (0.8 + 0.5 + 1 + 0) / 4);
  EXPECT_DOUBLE_EQ(score_of(Measure::RecallWeighted), 4.0 / 6);
  EXPECT_DOUBLE_EQ(score_of(Measure::PrecisionWeighted), (3 * 1 + 2 * 0.5 + 1 * 1) / 6);
  EXPECT_DOUBLE_EQ(score_of(Measure::F1Weighted), (3 * 0.8 + 2 * 0.5 + 1) / 6);
}

TEST_F(Classification, LeavesOutClassesThatDoNotOccurAtAll) {
  labels.assign(6, 0);
  outputs.clear();
  for (int i = 0; i < 6; ++i) outputs.insert(outputs.end(), {1, 0, 0, 0});
  for (const Measure measure : {Measure::BalancedAccuracy, Measure::PrecisionMacro, Measure::F1Macro})
    EXPECT_EQ(score_of(measure), 1);
}

TEST_F(Classification, DoesNotCountRowsWithoutALabel) {
  const double accuracy = score_of(Measure::Accuracy), loss = score_of(Measure::Loss);
  labels.push_back(-1);
  outputs.insert(outputs.end(), {9, 0, 0, 0});

  EXPECT_DOUBLE_EQ(score_of(Measure::Accuracy), accuracy);
  EXPECT_DOUBLE_EQ(score_of(Measure::Loss), loss);
}

TEST_F(Classification, HasALossOfLogFourWhenTheAnswerIsAsGoodAsNone) {
  outputs.assign(24, 0.5f);
  EXPECT_NEAR(score_of(Measure::Loss), std::log(4.0), 1e-12);
}

TEST_F(Classification, IsNotKnownWhenAnOutputIsNotFinite) {
  outputs[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(score_of(Measure::Accuracy)));
  outputs[7] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(score_of(Measure::Loss)));
}

TEST(Metrics, TakeOneLogitAsTheSecondOfTwoClasses) {
  const std::vector<float> logits{-1, 2, 3};
  const std::vector<std::int32_t> labels{0, 1, 0};
  const Answers answers{logits, 1, device::LossKind::BinaryCrossEntropy, labels, 2, {}};

  EXPECT_DOUBLE_EQ(score(Measure::Accuracy, answers), 2.0 / 3);
  EXPECT_NEAR(score(Measure::Loss, answers),
              (std::log1p(std::exp(-1)) + std::log1p(std::exp(-2)) + 3 + std::log1p(std::exp(-3))) / 3,
              1e-12);
}

TEST(Metrics, ScoreARegressionByHand) {
  const std::vector<float> outputs{2, 2, 5}, targets{1, 2, 3};
  const Answers answers{outputs, 1, device::LossKind::Absolute, {}, 0, targets};

  EXPECT_DOUBLE_EQ(score(Measure::Mse, answers), 5.0 / 3);
  EXPECT_DOUBLE_EQ(score(Measure::Rmse, answers), std::sqrt(5.0 / 3));
  EXPECT_DOUBLE_EQ(score(Measure::Mae, answers), 1);
  EXPECT_DOUBLE_EQ(score(Measure::Mape, answers), (1 + 0 + 2.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(score(Measure::R2, answers), 1 - 5.0 / 2);
  EXPECT_DOUBLE_EQ(score(Measure::Loss, answers), 1);
}

TEST(Metrics, AverageOverTheOutputsOfARegression) {
  const std::vector<float> outputs{0, 1, 0, 5}, targets{0, 1, 2, 1};
  const Answers answers{outputs, 2, device::LossKind::Squared, {}, 0, targets};

  EXPECT_DOUBLE_EQ(score(Measure::Loss, answers), (2.0 + 8.0) / 2);
  EXPECT_DOUBLE_EQ(score(Measure::R2, answers),
                   ((1 - 4.0 / 2) + 0) / 2);  // the second target is constant and missed
}

TEST(Metrics, HaveNamesThatReadBack) {
  for (const bool classification : {true, false})
    for (const Where where : {Where::Train, Where::Valid, Where::Test})
      for (const std::string& name : metric_names(where, classification)) {
        const auto metric = parse_metric(name);
        ASSERT_TRUE(metric) << name;
        EXPECT_EQ(name_of(*metric), name);
        EXPECT_EQ(metric->where, where);
        EXPECT_TRUE(is_for(metric->measure, classification));
      }
  EXPECT_EQ(metric_names(Where::Valid, true).front(), "val_accuracy");
  EXPECT_EQ(metric_names(Where::Valid, false).front(), "val_rmse");
}

TEST(Metrics, AreNotReadFromOtherTexts) {
  for (const char* name : {"", "accuracy", "val_", "val_acuracy", "dev_loss"})
    EXPECT_FALSE(parse_metric(name)) << name;
}

TEST(Metrics, KnowWhichAreMaximised) {
  EXPECT_TRUE(maximized(Measure::Accuracy) && maximized(Measure::R2) && maximized(Measure::F1Weighted));
  EXPECT_FALSE(maximized(Measure::Loss) || maximized(Measure::Rmse) || maximized(Measure::Mape));
}

TEST(Metrics, RefuseTheMeasureOfAnotherTask) {
  const std::vector<float> outputs{1}, targets{1};
  EXPECT_THROW(score(Measure::Accuracy, {outputs, 1, device::LossKind::Squared, {}, 0, targets}),
               InvalidInput);
}

}  // namespace
}  // namespace regatta::train
