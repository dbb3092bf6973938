#include <gtest/gtest.h>

#include "spaces.hpp"

namespace regatta::space {
namespace {

TEST(Constraint, RefusesConfigurationsThatBreakIt) {
  const Space space =
      space_of({"layers = int(1, 8)", "units = int(1, 512)"}, {"memory = layers * units <= 1024"});

  EXPECT_TRUE(space.feasible(Config{4, 256}));
  EXPECT_FALSE(space.feasible(Config{5, 256}));
  EXPECT_EQ(space.violation(Config{5, 256}),
            "the constraint 'memory = layers * units <= 1024' does not hold for layers=5 units=256");
}

TEST(Constraint, HoldsWhereItReadsAnInactiveParameter) {
  const Space space =
      space_of({"optimizer = choice(sgd, adam)", "momentum = uniform(0, 1) if optimizer == sgd"},
               {"calm = momentum < 0.5", "both = optimizer == sgd and momentum < 0.5"});

  EXPECT_TRUE(space.feasible(space.decode(std::vector<double>{0.9, 0.9})));
  EXPECT_FALSE(space.feasible(space.decode(std::vector<double>{0.1, 0.9})));
  EXPECT_TRUE(space.feasible(space.decode(std::vector<double>{0.1, 0.1})));
}

TEST(Constraint, ReadsParametersOfAllKinds) {
  const Space space =
      space_of({"a = choice(none, 5)", "b = ordinal(low, high)", "c = grid(1, 2)", "d = constant(3)"},
               {"r = a == none or c + d == 5 and b >= high"});

  EXPECT_TRUE(space.feasible(Config{0, 0, 0, 0}));
  EXPECT_FALSE(space.feasible(Config{1, 0, 1, 0}));
  EXPECT_TRUE(space.feasible(Config{1, 1, 1, 0}));
}

TEST(Constraint, RejectsNamesAndTypesAsConditionsDo) {
  const Lines space{"layers = int(1, 3)", "activation = choice(relu, tanh)"};

  EXPECT_EQ(problems_of(space, {"r = layer < 2"}),
            "x.ini:101: 'r': unknown parameter 'layer'; did you mean 'layers'?");
  EXPECT_EQ(problems_of(space, {"r = activation == tan"}),
            "x.ini:101: 'r': 'tan' is no value of 'activation' (relu, tanh); did you mean 'tanh'?");
  EXPECT_EQ(problems_of(space, {"r = layers <"}),
            "x.ini:101: 'r': the expression ends too early at character 9 of 'layers <'");
  EXPECT_EQ(problems_of(space, {"r = layers < 3", "r = layers < 2"}),
            "x.ini:102: the constraint 'r' is defined twice, first at x.ini:101");
  EXPECT_EQ(problems_of(space, {"a-b = layers < 3"}),
            "x.ini:101: a name is made of letters, digits and _ and starts with no digit, got 'a-b'");
}

TEST(Constraint, IsNotReportedWhereItReadsAFaultyParameter) {
  EXPECT_EQ(problems_of({"a = int(2, 1)"}, {"r = a < 5"}),
            "x.ini:1: 'a': the range of int is empty: its low 2 is above its high 1");
}

TEST(Constraint, IsNamedWhenNoConfigurationOfAFiniteSpaceMeetsIt) {
  EXPECT_EQ(problems_of({"a = int(1, 3)", "b = int(1, 4)"}, {"fine = a < 3", "never = a + b > 7"}),
            "x.ini:102: no configuration meets the constraint 'never = a + b > 7' (all 12 were tried)");
}

TEST(Constraint, IsNamedWhenNoRandomConfigurationMeetsIt) {
  EXPECT_EQ(problems_of({"a = uniform(0, 1)", "b = uniform(0, 1)"}, {"never = a + b > 2.5"}),
            "x.ini:101: no configuration meets the constraint 'never = a + b > 2.5' (100000 random ones were "
            "tried)");
}

TEST(Constraint, IsNamedTogetherWithItsRivals) {
  EXPECT_EQ(problems_of({"a = int(1, 9)"}, {"small = a < 4", "large = a > 6"}),
            "x.ini:102: no configuration meets the constraints 'small', 'large' together, although each "
            "alone can be "
            "met (all 9 were tried)");
}

TEST(Constraint, IsFoundSatisfiableByOneConfigurationOfAFiniteSpace) {
  EXPECT_EQ(
      problems_of({"a = int(1, 100)", "b = int(1, 100)", "c = int(1, 10)"}, {"corner = a + b + c == 210"}),
      "");
}

TEST(Constraint, SkipsInactiveParametersInTheCountOfWhatWasTried) {
  EXPECT_EQ(
      problems_of({"a = choice(x, y)", "b = int(1, 5) if a == x"}, {"never = a == x and a == y"}),
      "x.ini:101: no configuration meets the constraint 'never = a == x and a == y' (all 6 were tried)");
}

TEST(Constraint, IsKeptAsWritten) {
  const Space space = space_of({"a = int(1, 9)"}, {"small = a < 4"});

  ASSERT_EQ(space.constraints().size(), 1u);
  EXPECT_EQ(space.constraints()[0].name, "small");
  EXPECT_EQ(space.constraints()[0].text, "a < 4");
}

}  // namespace
}  // namespace regatta::space
