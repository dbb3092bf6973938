#include "regatta/train/folds.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::train {
namespace {

TEST(Folds, HoldEachRowOutOnce) {
  const auto folds = make_folds(23, {}, 5, 7);

  std::vector<int> held_out(23, 0);
  for (const Fold& fold : folds) {
    EXPECT_EQ(fold.train.size() + fold.held_out.size(), 23u);
    EXPECT_THAT(fold.held_out.size(), testing::AnyOf(4u, 5u));
    for (const auto row : fold.held_out) {
      ++held_out[static_cast<std::size_t>(row)];
      EXPECT_FALSE(std::ranges::binary_search(fold.train, row));
    }
  }
  EXPECT_EQ(held_out, std::vector<int>(23, 1));
}

TEST(Folds, DealEachClassOutEvenly) {
  std::vector<std::int32_t> labels(90);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i < 60 ? 0 : i < 80 ? 1 : 2;

  for (const Fold& fold : make_folds(90, labels, 5, 1)) {
    std::vector<int> counts(3);
    for (const auto row : fold.held_out)
      ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(row)])];
    EXPECT_EQ(counts, (std::vector<int>{12, 4, 2}));
  }
}

TEST(Folds, FollowTheirSeed) {
  const auto first = make_folds(40, {}, 4, 1), again = make_folds(40, {}, 4, 1),
             other = make_folds(40, {}, 4, 2);
  EXPECT_EQ(first[0].held_out, again[0].held_out);
  EXPECT_NE(first[0].held_out, other[0].held_out);
}

TEST(Folds, MayLeaveOneOutButNotMoreThanThereAre) {
  EXPECT_EQ(make_folds(3, {}, 3, 1)[2].held_out.size(), 1u);
  EXPECT_THROW(make_folds(3, {}, 4, 1), InvalidInput);
  EXPECT_THROW(make_folds(3, {}, 1, 1), InvalidInput);
}

TEST(Folds, SummariseByMeanAndStandardError) {
  const std::vector<double> scores{0.8, 0.9, 1.0, 0.9};
  EXPECT_DOUBLE_EQ(summarise(scores).mean, 0.9);
  EXPECT_NEAR(summarise(scores).standard_error, std::sqrt(0.02 / 3) / 2, 1e-12);
  EXPECT_TRUE(std::isnan(summarise(std::vector<double>{0.8}).standard_error));
}

}  // namespace
}  // namespace regatta::train
