#include <algorithm>
#include <set>

#include "regatta/core/random.hpp"
#include "regatta/train/import.hpp"

namespace regatta::train {
namespace {

using testing::ElementsAre;

TEST(SplitRows, UsesEveryRowOnceAndKeepsTheSharesOfClasses) {
  Random random(7);
  for (int round = 0; round < 100; ++round) {
    const std::size_t rows = 20 + random.below(500);
    const std::size_t classes = 1 + random.below(6);
    std::vector<std::int32_t> labels(rows);
    for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(classes));
    SplitOptions options;
    options.valid_fraction = 0.4 * random.uniform();
    options.test_fraction = 0.4 * random.uniform();
    options.seed = random.bits();

    const auto parts = split_rows(rows, labels, options);

    std::set<std::size_t> seen;
    for (const auto& part : parts) seen.insert(part.begin(), part.end());
    EXPECT_EQ(seen.size(), rows);
    EXPECT_EQ(parts[0].size() + parts[1].size() + parts[2].size(), rows);
    for (std::size_t c = 0; c < classes; ++c) {
      const auto count = [&](const std::vector<std::size_t>& part) {
        return static_cast<double>(std::ranges::count_if(
            part, [&](std::size_t row) { return labels[row] == static_cast<std::int32_t>(c); }));
      };
      const double all = count(parts[0]) + count(parts[1]) + count(parts[2]);
      EXPECT_NEAR(count(parts[1]), options.valid_fraction * all, 1.0);
      EXPECT_NEAR(count(parts[2]), options.test_fraction * all, 1.0);
    }
  }
}

TEST(SplitRows, HasExactlyTheRoundedSizes) {
  SplitOptions options;
  options.valid_fraction = 0.2153;
  options.test_fraction = 0.0;
  std::vector<std::int32_t> labels(3823);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 10);

  const auto parts = split_rows(labels.size(), labels, options);

  EXPECT_EQ(parts[0].size(), 3000u);
  EXPECT_EQ(parts[1].size(), 823u);
}

TEST(SplitRows, LeavesARowOfEachClassToTrainOn) {
  SplitOptions options;
  options.valid_fraction = 0.45;
  options.test_fraction = 0.45;
  const std::vector<std::int32_t> labels{0, 1, 1, 2, 2, 2};

  const auto parts = split_rows(labels.size(), labels, options);

  std::set<std::int32_t> classes;
  for (const std::size_t row : parts[0]) classes.insert(labels[row]);
  EXPECT_THAT(classes, ElementsAre(0, 1, 2));
}

TEST(SplitRows, DependsOnTheSeedAlone) {
  SplitOptions one, other;
  other.seed = 2;

  EXPECT_EQ(split_rows(100, {}, one), split_rows(100, {}, one));
  EXPECT_NE(split_rows(100, {}, one), split_rows(100, {}, other));
}

}  // namespace
}  // namespace regatta::train
