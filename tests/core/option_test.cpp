#include "regatta/core/option.hpp"

#include "regatta/core/error.hpp"

namespace regatta {
namespace {

TEST(Option, NamesRuleAndValueOfAViolation) {
  const Option seed{"seed", OptionType::Integer, "1", "", {}, 0};

  EXPECT_EQ(violation(seed, "7"), "");
  EXPECT_EQ(violation(seed, "-1"), "seed must be at least 0, got -1");
  EXPECT_EQ(violation(seed, "x"), "seed must be a whole number, got 'x'");
  EXPECT_EQ(violation(seed, "0.5"), "seed must be a whole number, got '0.5'");
  EXPECT_NE(violation(seed, ""), "");
}

TEST(Option, SuggestsTheNearestWord) {
  const Option sync{"sync", OptionType::Word, "second", "", {"none", "second", "event"}};

  EXPECT_EQ(violation(sync, "event"), "");
  EXPECT_EQ(violation(sync, "secnd"),
            "sync must be one of none, second, event, got 'secnd'; did you mean 'second'?");
}

TEST(Option, TakesWordsInsteadOfNumbersWhereListed) {
  const Option lanes{"lanes", OptionType::Integer, "auto", "", {"auto"}, 1, 64};

  EXPECT_EQ(violation(lanes, "auto"), "");
  EXPECT_EQ(violation(lanes, "65"), "lanes must be at most 64, got 65");
  EXPECT_EQ(number_of(lanes, "8"), 8.0);
  EXPECT_THROW(number_of(lanes, "auto"), InvalidInput);
}

TEST(Option, ReadsUnits) {
  const Option walltime{"walltime", OptionType::Duration, "", ""};
  const Option memory{"memory", OptionType::Bytes, "", ""};

  EXPECT_EQ(number_of(walltime, "30min"), 1800.0);
  EXPECT_EQ(number_of(memory, "512MiB"), 536870912.0);
  EXPECT_NE(violation(walltime, "soon"), "");
}

}  // namespace
}  // namespace regatta
