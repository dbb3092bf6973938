#include <gtest/gtest.h>

#include <cmath>

#include "spaces.hpp"

namespace regatta::space {
namespace {

/// Whether `x if condition` is active in the configuration of `values`, beside these parameters.
bool active(const std::string& condition, const std::vector<std::pair<std::string, std::string>>& values) {
  const Space space = space_of(
      {"optimizer = choice(sgd, adam, 'two words')", "layers = int(1, 9)", "rate = uniform(0, 1)",
       "depth = choice(none, 5, 10)", "size = ordinal(small, medium, large)", "batch = ordinal(16, 32, 64)",
       "momentum = uniform(0, 1) if optimizer == sgd", "x = constant(1) if " + condition});
  std::vector<std::pair<std::string, std::string>> all{
      {"optimizer", "sgd"}, {"layers", "2"}, {"rate", "0.5"},     {"depth", "5"},
      {"size", "medium"},   {"batch", "32"}, {"momentum", "0.9"}, {"x", "1"}};
  for (auto& [name, text] : all)
    for (const auto& [changed, value] : values)
      if (name == changed) text = value;
  return !std::isnan(space.read(all).back());
}

TEST(Condition, ComparesWordsInEitherOrder) {
  EXPECT_TRUE(active("optimizer == sgd", {}));
  EXPECT_TRUE(active("sgd == optimizer", {}));
  EXPECT_FALSE(active("optimizer != sgd", {}));
  EXPECT_FALSE(active("optimizer == 'sgd'", {{"optimizer", "adam"}}));
}

TEST(Condition, ComparesQuotedWordsWithBlanks) {
  EXPECT_TRUE(active("optimizer == \"two words\"", {{"optimizer", "two words"}}));
}

TEST(Condition, ComparesNumbersBothWays) {
  EXPECT_TRUE(active("layers > 1", {}));
  EXPECT_FALSE(active("layers > 2", {}));
  EXPECT_TRUE(active("layers >= 2", {}));
  EXPECT_TRUE(active("2 <= layers", {}));
  EXPECT_FALSE(active("layers < 2", {}));
  EXPECT_TRUE(active("rate < 5.1e-1", {}));
}

TEST(Condition, ComparesParametersWithEachOther) {
  EXPECT_TRUE(active("batch > layers", {}));
  EXPECT_FALSE(active("batch == layers", {}));
}

TEST(Condition, KnowsMembership) {
  EXPECT_TRUE(active("layers in (1, 2, 3)", {}));
  EXPECT_FALSE(active("layers in (1, 3)", {}));
  EXPECT_TRUE(active("optimizer in (adam, sgd)", {}));
  EXPECT_TRUE(active("optimizer not in (adam)", {}));
  EXPECT_TRUE(active("depth in (none, 5)", {}));
}

TEST(Condition, AndBindsTighterThanOrAndNotTighterThanBoth) {
  EXPECT_TRUE(active("layers == 2 or layers == 3 and rate > 0.9", {}));
  EXPECT_FALSE(active("(layers == 2 or layers == 3) and rate > 0.9", {}));
  EXPECT_TRUE(active("not layers == 3 and rate < 0.9", {}));
  EXPECT_FALSE(active("not (layers == 2 or rate > 0.9)", {}));
}

TEST(Condition, CalculatesWithTheUsualPrecedence) {
  EXPECT_TRUE(active("layers + 2 * 3 == 8", {}));
  EXPECT_TRUE(active("(layers + 2) * 3 == 12", {}));
  EXPECT_TRUE(active("-layers - -1 == -1", {}));
  EXPECT_TRUE(active("10 - layers - 3 == 5", {}));
  EXPECT_TRUE(active("batch / layers / 4 == 4", {}));
  EXPECT_TRUE(active("-(layers + 1) < +1", {}));
}

TEST(Condition, MixedChoicesAreNumbersWhereTheyAre) {
  EXPECT_TRUE(active("depth > 4", {}));
  EXPECT_TRUE(active("depth == none", {{"depth", "none"}}));
  EXPECT_FALSE(active("depth > 4", {{"depth", "none"}}));
  EXPECT_FALSE(active("depth * 2 < 100", {{"depth", "none"}}));
  EXPECT_TRUE(active("depth != 5", {{"depth", "none"}}));
}

TEST(Condition, WordsOfAnOrdinalAreOrderedAsDefined) {
  EXPECT_TRUE(active("size < large", {}));
  EXPECT_TRUE(active("small < size", {}));
  EXPECT_FALSE(active("size > medium", {}));
  EXPECT_TRUE(active("size >= medium", {}));
}

TEST(Condition, NumbersOfAnOrdinalAreOrderedByValue) {
  EXPECT_TRUE(active("batch > 20", {}));
  EXPECT_FALSE(active("batch > 32", {}));
}

TEST(Condition, ComparingAnInactiveParameterIsFalse) {
  EXPECT_TRUE(active("momentum > 0.5", {}));
  EXPECT_FALSE(active("momentum > 0.5", {{"optimizer", "adam"}}));
  EXPECT_FALSE(active("momentum <= 0.5", {{"optimizer", "adam"}}));
  EXPECT_FALSE(active("momentum != 0.5", {{"optimizer", "adam"}}));
  EXPECT_FALSE(active("not (momentum > 0.5)", {{"optimizer", "adam"}}));
  EXPECT_FALSE(active("not (momentum > 0.5 or layers == 3)", {{"optimizer", "adam"}}));
  EXPECT_TRUE(active("momentum > 0.5 or layers == 2", {{"optimizer", "adam"}}));
  EXPECT_FALSE(active("momentum + layers > 0", {{"optimizer", "adam"}}));
}

TEST(Condition, NestsToAnyDepth) {
  const Space space = space_of({"a = choice(on, off)", "b = choice(on, off) if a == on",
                                "c = choice(on, off) if b == on", "d = uniform(0, 1) if c == on"});

  const Config all = space.decode(std::vector<double>{0, 0, 0, 0.5});
  const Config none = space.decode(std::vector<double>{0.9, 0, 0, 0.5});

  EXPECT_EQ(space.text(all), "a=on b=on c=on d=0.5");
  EXPECT_EQ(space.text(none), "a=off");
}

TEST(Condition, ACategoryWinsOverAParameterOfTheSameName) {
  const Space space =
      space_of({"optimizer = choice(plain, momentum)", "momentum = uniform(0, 1) if optimizer == momentum"});

  EXPECT_EQ(space.text(space.decode(std::vector<double>{0.9, 0.5})), "optimizer=momentum momentum=0.5");
  EXPECT_EQ(space.text(space.decode(std::vector<double>{0.1, 0.5})), "optimizer=plain");
}

TEST(Condition, ComparesTheWordsOfTwoParameters) {
  const Space space =
      space_of({"first = choice(a, b)", "second = choice(b, c)", "x = constant(1) if first == second"});

  EXPECT_EQ(space.text(space.decode(std::vector<double>{0.9, 0.1, 0})), "first=b second=b x=1");
  EXPECT_EQ(space.text(space.decode(std::vector<double>{0.1, 0.1, 0})), "first=a second=b");
}

/// The one problem of `x if condition` beside an int, a number, words and numbers, all defined before it.
std::string problem_of(const std::string& condition) {
  return problems_of({"layers = int(1, 3)", "rate = uniform(0, 1)", "activation = choice(relu, tanh, gelu)",
                      "batch = ordinal(16, 32, 64)", "x = int(1, 2) if " + condition});
}

TEST(Condition, RejectsAnUnknownParameterAndNamesTheNearest) {
  EXPECT_EQ(problem_of("layer == 1"), "x.ini:5: 'x': unknown parameter 'layer'; did you mean 'layers'?");
  EXPECT_EQ(problem_of("layers + rat > 1"), "x.ini:5: 'x': unknown parameter 'rat'; did you mean 'rate'?");
  EXPECT_EQ(problem_of("whatever"), "x.ini:5: 'x': unknown parameter 'whatever'");
}

TEST(Condition, RejectsAnUnknownCategoryAndNamesTheNearest) {
  EXPECT_EQ(problem_of("activation == tahn"),
            "x.ini:5: 'x': 'tahn' is no value of 'activation' (relu, tanh, gelu); did you mean 'tanh'?");
  EXPECT_EQ(problem_of("activation in (relu, swish)"),
            "x.ini:5: 'x': 'swish' is no value of 'activation' (relu, tanh, gelu)");
  EXPECT_EQ(problem_of("batch == 33"), "x.ini:5: 'x': 33 is no value of 'batch' (16, 32, 64)");
}

TEST(Condition, RejectsComparisonsOfDifferentTypes) {
  EXPECT_EQ(problem_of("rate == relu"),
            "x.ini:5: 'x': 'rate' is a number and cannot be compared with the word 'relu'");
  EXPECT_EQ(problem_of("activation > 3"),
            "x.ini:5: 'x': 'activation' holds words (relu, tanh, gelu) and cannot be compared with a number");
  EXPECT_EQ(problem_of("activation == layers"),
            "x.ini:5: 'x': 'activation' holds words (relu, tanh, gelu) and cannot be compared with a number");
  EXPECT_EQ(problem_of("activation + 1 == 2"),
            "x.ini:5: 'x': 'activation' holds words and cannot be used in arithmetic");
  EXPECT_EQ(problem_of("activation < tanh"),
            "x.ini:5: 'x': the values of 'activation' have no order, because it is a choice; use == or in, "
            "or make it "
            "an ordinal");
  EXPECT_EQ(
      problem_of("'relu' == 3"),
      "x.ini:5: 'x': the word 'relu' must be compared with a parameter that holds words at character 14 of "
      "'int(1, 2) if 'relu' == 3'");
}

TEST(Condition, RejectsWhatIsNoComparison) {
  EXPECT_EQ(problem_of("layers"),
            "x.ini:5: 'x': expected a comparison such as 'x == 1', got a value alone at character 14 of "
            "'int(1, 2) if layers'");
  EXPECT_EQ(problem_of("layers == 1 or rate"),
            "x.ini:5: 'x': expected a comparison such as 'x == 1', got a value alone at character 29 of "
            "'int(1, 2) if layers == 1 or rate'");
  EXPECT_EQ(problem_of("1 < layers < 3"),
            "x.ini:5: 'x': comparisons cannot be chained; write 'a < b and b < c' at character 25 of "
            "'int(1, 2) if 1 < layers < 3'");
  EXPECT_EQ(problem_of("1 == 1"), "x.ini:5: 'x': the expression '1 == 1' reads no parameter");
  EXPECT_EQ(problem_of("(layers == 1) == (rate == 1)"),
            "x.ini:5: 'x': a comparison cannot be compared again at character 32 of "
            "'int(1, 2) if (layers == 1) == (rate == 1)'");
  EXPECT_EQ(problem_of("(layers == 1) + 1 == 2"),
            "x.ini:5: 'x': arithmetic needs numbers, not a comparison at character 15 of "
            "'int(1, 2) if (layers == 1) + 1 == 2'");
}

TEST(Condition, RejectsBadSyntaxAndSaysWhere) {
  const auto at = [](const std::string& rule, int position, const std::string& condition) {
    return "x.ini:5: 'x': " + rule + " at character " + std::to_string(position) + " of 'int(1, 2) if" +
           (condition.empty() ? "" : " ") + condition + "'";
  };
  EXPECT_EQ(problem_of("layers = 1"), at("unexpected '='", 21, "layers = 1") + "; write '==' to compare");
  EXPECT_EQ(problem_of("layers == 1 && rate > 0"),
            at("unexpected '&&'", 26, "layers == 1 && rate > 0") + "; write 'and'");
  EXPECT_EQ(problem_of("layers == 1 $"), at("unexpected '$'", 26, "layers == 1 $"));
  EXPECT_EQ(problem_of("layers > .x"), at("unexpected '.'", 23, "layers > .x"));
  EXPECT_EQ(problem_of("layers == 1 rate"), at("unexpected 'rate'", 26, "layers == 1 rate"));
  EXPECT_EQ(problem_of("layers =="), at("the expression ends too early", 23, "layers =="));
  EXPECT_EQ(problem_of(""), at("the expression ends too early", 13, ""));
  EXPECT_EQ(problem_of("(layers == 1"), at("expected ')', got the end", 26, "(layers == 1"));
  EXPECT_EQ(problem_of("layers in 1"), at("expected '(', got '1'", 24, "layers in 1"));
  EXPECT_EQ(problem_of("layers == and"),
            at("expected a parameter, a number or a word, got 'and'", 24, "layers == and"));
  EXPECT_EQ(problem_of("activation == 'relu"), at("the quote is not closed", 28, "activation == 'relu"));
  EXPECT_EQ(problem_of("layers == 1x"), at("this is not a number", 24, "layers == 1x"));
  EXPECT_EQ(problem_of("layers == 1e999"), at("this is not a number", 24, "layers == 1e999"));
}

TEST(Condition, RejectsAnExpressionNestedBeyondReason) {
  const std::string deep(100'000, '(');

  EXPECT_THAT(problem_of(deep), testing::HasSubstr("at most 10000 words and symbols"));
  EXPECT_THAT(problem_of(deep.substr(0, 5000)), testing::HasSubstr("nested at most 200 deep"));
  EXPECT_THAT(problem_of(std::string(5000, '-') + "layers > 1"),
              testing::HasSubstr("nested at most 200 deep"));
}

TEST(Condition, EvaluatesALongChainOfTerms) {
  std::string chain = "layers == 1";
  for (int i = 0; i < 2000; ++i) chain += " or layers == 2";

  EXPECT_TRUE(active(chain, {}));
}

TEST(Condition, MayNotReadALaterParameter) {
  EXPECT_EQ(
      problems_of({"a = int(1, 2) if b == 1", "b = int(1, 2)"}),
      "x.ini:1: 'a': the condition reads 'b', which is defined later (x.ini:2); conditions may read earlier "
      "parameters only");
}

TEST(Condition, MayNotReadItsOwnParameter) {
  EXPECT_EQ(problems_of({"a = int(1, 2) if a == 1"}),
            "x.ini:1: 'a': the condition reads the parameter itself: a cycle");
}

TEST(Condition, ReportsACycleAsWhatItIs) {
  EXPECT_EQ(problems_of({"a = int(1, 2) if b == 1", "b = int(1, 2) if a == 1"}),
            "x.ini:1: 'a': the conditions form a cycle: a -> b -> a");
  EXPECT_EQ(problems_of({"a = int(1, 2) if c == 1", "b = int(1, 2) if a == 1", "c = int(1, 2) if b == 1"}),
            "x.ini:1: 'a': the conditions form a cycle: a -> c -> b -> a");
}

TEST(Condition, OnAFaultyParameterIsNotReportedAsWell) {
  EXPECT_EQ(problems_of({"a = int(2, 1)", "b = int(1, 2) if a == 1"}),
            "x.ini:1: 'a': the range of int is empty: its low 2 is above its high 1");
  EXPECT_EQ(problems_of({"a = choice(x, x)", "b = int(1, 2) if a == x"}),
            "x.ini:1: 'a': choice holds the value 'x' twice");
}

}  // namespace
}  // namespace regatta::space
