// Every mistake in a definition gives one sentence with the rule and the value.
#include <gtest/gtest.h>

#include "regatta/core/random.hpp"
#include "spaces.hpp"

namespace regatta::space {
namespace {

std::string definition_problem(const std::string& definition) {
  const std::string text = problems_of({"x = " + definition});
  const std::string start = "x.ini:1: 'x': ";
  return text.starts_with(start) ? text.substr(start.size()) : text;
}

TEST(Definition, RejectsAnUnknownDistributionAndNamesTheNearest) {
  EXPECT_EQ(definition_problem("unifrom(0, 1)"), "unknown distribution 'unifrom'; did you mean 'uniform'?");
  EXPECT_EQ(definition_problem("zipf(1)"),
            "unknown distribution 'zipf'; known are uniform, loguniform, quniform, qloguniform, normal, "
            "lognormal, int, "
            "randint, logint, lograndint, choice, ordinal, constant, grid");
}

TEST(Definition, RejectsWhatIsNoDistribution) {
  EXPECT_EQ(
      definition_problem("0.1"),
      "expected a distribution such as uniform(0, 1), got '0.1'; write constant(...) for a fixed value");
  EXPECT_EQ(
      definition_problem("sgd"),
      "expected a distribution such as uniform(0, 1), got 'sgd'; write constant(...) for a fixed value");
  EXPECT_EQ(definition_problem(""),
            "expected a distribution such as uniform(0, 1), got ''; write constant(...) for a fixed value");
}

TEST(Definition, RejectsAWrongNumberOfArguments) {
  EXPECT_EQ(definition_problem("uniform(1)"), "uniform needs 2 values, uniform(low, high), got 1");
  EXPECT_EQ(definition_problem("quniform(0, 1)"), "quniform needs 3 values, quniform(low, high, step), got 2");
  EXPECT_EQ(definition_problem("int()"), "int needs 2 values, int(low, high), got 0");
  EXPECT_EQ(definition_problem("constant(1, 2)"), "constant needs 1 value, constant(value), got 2");
}

TEST(Definition, RejectsAnEmptyListOfValues) {
  EXPECT_EQ(definition_problem("choice()"), "choice needs at least one value: choice(a, b, ...)");
  EXPECT_EQ(definition_problem("grid( )"), "grid needs at least one value: grid(a, b, ...)");
}

TEST(Definition, RejectsWordsWhereNumbersBelong) {
  EXPECT_EQ(definition_problem("uniform(low, 1)"), "uniform needs numbers, got 'low'");
  EXPECT_EQ(definition_problem("uniform(\"0\", 1)"), "uniform needs numbers, got '0'");
  EXPECT_EQ(definition_problem("uniform(0, inf)"), "uniform needs numbers, got 'inf'");
  EXPECT_EQ(definition_problem("loguniform(1e-4, 1e999)"), "loguniform needs numbers, got '1e999'");
}

TEST(Definition, RejectsFractionsWhereWholeNumbersBelong) {
  EXPECT_EQ(definition_problem("int(1.5, 3)"), "int needs whole numbers, got 1.5");
  EXPECT_EQ(definition_problem("lograndint(1, 1e-1)"), "lograndint needs whole numbers, got 1e-1");
}

TEST(Definition, RejectsAnEmptyRange) {
  EXPECT_EQ(definition_problem("uniform(1, 0)"), "the range of uniform is empty: its low 1 is above its high 0");
  EXPECT_EQ(definition_problem("logint(8, 4)"), "the range of logint is empty: its low 8 is above its high 4");
  EXPECT_EQ(definition_problem("quniform(1, 0, 0.1)"),
            "the range of quniform is empty: its low 1 is above its high 0");
}

TEST(Definition, AdvisesAConstantForARangeOfOneNumber) {
  EXPECT_EQ(definition_problem("uniform(0.5, 0.5)"),
            "the range of uniform holds one value only; write constant(0.5)");
  EXPECT_EQ(definition_problem("loguniform(2, 2)"),
            "the range of loguniform holds one value only; write constant(2)");
}

TEST(Definition, RejectsALogarithmOfANonPositiveBound) {
  EXPECT_EQ(definition_problem("loguniform(0, 1)"),
            "loguniform needs bounds above 0, because it takes their logarithm; got 0");
  EXPECT_EQ(definition_problem("logint(-3, 5)"),
            "logint needs bounds above 0, because it takes their logarithm; got -3");
  EXPECT_EQ(definition_problem("qloguniform(0, 5, 1)"),
            "qloguniform needs bounds above 0, because it takes their logarithm; got 0");
}

TEST(Definition, RejectsABadStep) {
  EXPECT_EQ(definition_problem("quniform(0, 1, 0)"), "the step of quniform must be above 0, got 0");
  EXPECT_EQ(definition_problem("qloguniform(1, 8, -2)"), "the step of qloguniform must be above 0, got -2");
  EXPECT_EQ(definition_problem("quniform(4, 5, 3)"), "no multiple of 3 lies from 4 to 5");
  EXPECT_EQ(definition_problem("quniform(0, 1, 1e-300)"),
            "the step 1e-300 is too small for the range of quniform: at most 562949953421312 steps from 0 "
            "can be told "
            "apart");
}

TEST(Definition, RejectsADeviationThatIsNotPositive) {
  EXPECT_EQ(definition_problem("normal(0, 0)"), "the deviation of normal must be above 0, got 0");
  EXPECT_EQ(definition_problem("lognormal(0, -1)"), "the deviation of lognormal must be above 0, got -1");
}

TEST(Definition, RejectsRangesThatADoubleCannotHold) {
  EXPECT_EQ(definition_problem("uniform(-1e308, 1e308)"),
            "the range from -1e+308 to 1e+308 is too wide for a double");
  EXPECT_EQ(definition_problem("loguniform(1e-200, 1e200)"),
            "the range from 1e-200 to 1e+200 is too wide for a double");
  EXPECT_EQ(definition_problem("lognormal(0, 1000)"),
            "lognormal with mean 0 and deviation 1000 reaches numbers too large or too small for a double; "
            "its mean "
            "and deviation are those of the logarithm");
}

TEST(Definition, RejectsIntegersThatADoubleCannotHold) {
  EXPECT_EQ(definition_problem("int(0, 9007199254740993)"),
            "whole numbers are exact up to 2^53 (9007199254740992) only, got 9007199254740993");
  EXPECT_EQ(definition_problem("int(-1e300, 0)"),
            "whole numbers are exact up to 2^53 (9007199254740992) only, got -1e300");
  EXPECT_EQ(definition_problem("int(0, 9007199254740992)"),
            "int tells at most 2^50 (1125899906842624) whole numbers apart, got the range from 0 to "
            "9007199254740992");
  EXPECT_EQ(definition_problem("logint(1, 17592186044417)"),
            "logint tells whole numbers apart up to 2^44 (17592186044416) only, got 17592186044417");
}

TEST(Definition, RejectsAValueThatIsListedTwice) {
  EXPECT_EQ(definition_problem("choice(a, b, a)"), "choice holds the value 'a' twice");
  EXPECT_EQ(definition_problem("ordinal(1, 1.0)"), "ordinal holds the value '1' twice");
  EXPECT_EQ(definition_problem("choice(5, '5')"), "choice holds the value '5' twice");
}

TEST(Definition, RejectsBadPunctuationAndSaysWhere) {
  EXPECT_EQ(definition_problem("uniform(0, 1"), "')' is missing at the end of 'uniform(0, 1'");
  EXPECT_EQ(definition_problem("choice(a,, b)"), "a value is missing at character 10 of 'choice(a,, b)'");
  EXPECT_EQ(definition_problem("choice(a, )"), "a value is missing at character 11 of 'choice(a, )'");
  EXPECT_EQ(definition_problem("choice(two words)"),
            "a comma is missing or 'two words' needs quotes at character 8 of 'choice(two words)'");
  EXPECT_EQ(definition_problem("choice('a)"), "the quote is not closed at character 8 of 'choice('a)'");
  EXPECT_EQ(definition_problem("choice('', a)"), "a word may not be empty at character 8 of 'choice('', a)'");
  EXPECT_EQ(definition_problem("choice('a' b)"), "expected ',' or ')' at character 12 of 'choice('a' b)'");
  EXPECT_EQ(
      definition_problem("uniform(0, 1) when y"),
      "only 'if' and a condition may follow the distribution at character 15 of 'uniform(0, 1) when y'");
  EXPECT_EQ(definition_problem("uniform(0, 1))"),
            "only 'if' and a condition may follow the distribution at character 14 of 'uniform(0, 1))'");
}

TEST(Definition, RejectsBadNames) {
  const std::string rule = "a name is made of letters, digits and _ and starts with no digit, got ";
  EXPECT_EQ(problems_of({"learning-rate = uniform(0, 1)"}), "x.ini:1: " + rule + "'learning-rate'");
  EXPECT_EQ(problems_of({"a.b = uniform(0, 1)"}), "x.ini:1: " + rule + "'a.b'");
  EXPECT_EQ(problems_of({"2nd = uniform(0, 1)"}), "x.ini:1: " + rule + "'2nd'");
  EXPECT_EQ(problems_of({" = uniform(0, 1)"}), "x.ini:1: " + rule + "''");
  EXPECT_EQ(problems_of({"in = uniform(0, 1)"}),
            "x.ini:1: 'in' is a word of the space language and cannot be a name");
}

TEST(Definition, RejectsANameThatIsTakenAndSaysWhere) {
  EXPECT_EQ(problems_of({"a = int(1, 2)", "b = int(1, 2)", "a = int(1, 3)"}),
            "x.ini:3: the parameter 'a' is defined twice, first at x.ini:1");
}

TEST(Definition, CollectsTheMistakesOfAllLines) {
  Problems problems;
  Space::parse(
      definitions_of({"a = int(2, 1)", "b = uniform(0, 1)", "c = choic(x)", "d = int(1, 2) if z == 1"}),
      definitions_of({"r = b < q"}, 101), problems);

  ASSERT_EQ(problems.size(), 4u);
  EXPECT_EQ(problems[0].where.line, 1);
  EXPECT_EQ(problems[1].where.line, 3);
  EXPECT_EQ(problems[2].where.line, 4);
  EXPECT_EQ(problems[3].where.line, 101);
}

TEST(Definition, AnyTextGivesASpaceOrASentence) {
  const std::vector<std::string> pieces{
      "uniform", "int",  "choice", "ordinal", "(",    ")",   ",",   " ",  "if",   " if ",
      "a",       "b",    "1",      "-3",      "1e-4", "0.5", "'w'", "\"", "==",   "<",
      "and",     " or ", " not ",  " in ",    "+",    "*",   "/",   "x",  "\xff", "999999999999999999999",
      "=",       "."};
  Random random(5);
  for (int i = 0; i < 5000; ++i) {
    std::string definition = random.below(2) ? "int(1, 3) if " : "";
    for (std::uint64_t n = 1 + random.below(12); n > 0; --n)
      definition += pieces[random.below(pieces.size())];
    Problems problems;
    const Space space = Space::parse(
        std::vector<Definition>{{"a", "int(1, 3)", {}}, {"b", "choice(w, x)", {}}, {"c", definition, {}}}, {},
        problems);

    if (problems.empty())
      EXPECT_EQ(space.violation(space.decode(std::vector<double>(3, 0.3))), "") << definition;
    else
      EXPECT_THAT(problems[0].text, testing::StartsWith("'c': ")) << definition;
  }
}

TEST(Definition, KeepsTheTextsApart) {
  const Space space = space_of({"a = choice(x, y)", "b = randint( 1 , 3 )   if  a == x "});

  EXPECT_EQ(space.parameters()[1].definition, "randint( 1 , 3 )");
  EXPECT_EQ(space.parameters()[1].condition, "a == x");
  EXPECT_EQ(space.parameters()[1].kind, Kind::Int);
}

TEST(Definition, KnowsTheAliases) {
  EXPECT_EQ(space_of({"a = randint(1, 3)"}).parameters()[0].kind, Kind::Int);
  EXPECT_EQ(space_of({"a = lograndint(1, 3)"}).parameters()[0].kind, Kind::LogInt);
}

}  // namespace
}  // namespace regatta::space
