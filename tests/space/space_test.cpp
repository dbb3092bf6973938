#include "regatta/space/space.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "spaces.hpp"

namespace regatta::space {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

const Lines digits{"learning_rate = loguniform(1e-4, 1e-1)",          "layers = int(1, 3)",
                   "activation = choice(relu, tanh, gelu)",           "optimizer = choice(sgd, adam)",
                   "momentum = uniform(0, 0.99) if optimizer == sgd", "step = quniform(0, 1, 0.1)"};

const Texts good{{"learning_rate", "1e-2"}, {"layers", "2"},     {"activation", "gelu"},
                 {"optimizer", "sgd"},      {"momentum", "0.9"}, {"step", "0.3"}};

Texts with(const std::string& name, const std::string& text) {
  Texts texts = good;
  for (auto& [key, value] : texts)
    if (key == name) value = text;
  return texts;
}

std::string error_of(const Texts& texts) {
  try {
    space_of(digits).read(texts);
    return "";
  } catch (const InvalidInput& error) {
    return error.what();
  }
}

TEST(Space, OfNothingHasOneEmptyConfiguration) {
  const Space space;

  EXPECT_EQ(space.size(), 0u);
  EXPECT_EQ(space.cardinality(), 1);
  EXPECT_TRUE(space.decode({}).empty());
  EXPECT_EQ(space.violation({}), "");
}

TEST(Space, FindsParametersByName) {
  const Space space = space_of(digits);

  EXPECT_EQ(space.index_of("activation"), 2u);
  EXPECT_EQ(space.index_of("nothing"), std::nullopt);
}

TEST(Space, ReadsAConfigurationAsWritten) {
  EXPECT_EQ(space_of(digits).read(good), (Config{0.01, 1 + 1, 2, 0, 0.9, 0.3}));
}

TEST(Space, ShowsTheActiveParametersOnly) {
  const Space space = space_of(digits);

  EXPECT_EQ(space.text(space.read(good)),
            "learning_rate=0.01 layers=2 activation=gelu optimizer=sgd momentum=0.9 step=0.3");
  EXPECT_EQ(space.text(space.read(with("optimizer", "adam"))),
            "learning_rate=0.01 layers=2 activation=gelu optimizer=adam step=0.3");
}

TEST(Space, QuotesWordsWithBlanks) {
  const Space space = space_of({"a = choice('two words', one)"});

  EXPECT_EQ(space.text(Config{0}), "a=\"two words\"");
  EXPECT_EQ(space.read(Texts{{"a", "'two words'"}}), Config{0});
  EXPECT_EQ(space.read(Texts{{"a", "two words"}}), Config{0});
}

TEST(Space, ReadsNumbersInAnyNotation) {
  const Space space = space_of({"a = ordinal(0.5, 16)", "b = int(1, 2000)", "c = quniform(0, 1, 0.1)"});

  EXPECT_EQ(space.read(Texts{{"a", "5e-1"}, {"b", "1e3"}, {"c", "0.30000000000000004"}}),
            (Config{0, 1000, 0.3}));
  EXPECT_EQ(space.read(Texts{{"a", "16.0"}, {"b", "7"}, {"c", "1"}}), (Config{1, 7, 1}));
}

TEST(Space, LetsInactiveParametersBeLeftOutOrEmpty) {
  const Space space = space_of(digits);
  Texts texts = with("optimizer", "adam");
  texts.erase(texts.begin() + 4);

  EXPECT_TRUE(std::isnan(space.read(texts)[4]));
  EXPECT_TRUE(std::isnan(space.read(with("optimizer", "adam"))[4]));
}

TEST(Space, RefusesAConfigurationWithAnUnknownOrRepeatedName) {
  Texts texts = good;
  texts.emplace_back("layer", "2");
  EXPECT_EQ(error_of(texts), "unknown parameter 'layer'; did you mean 'layers'?");
  texts.back() = {"layers", "2"};
  EXPECT_EQ(error_of(texts), "'layers' is given twice");
}

TEST(Space, RefusesAConfigurationWithAMissingValue) {
  EXPECT_EQ(error_of(with("layers", "")), "'layers' has no value");
  EXPECT_EQ(error_of(with("momentum", "")), "'momentum' has no value, although 'optimizer == sgd' holds");
}

TEST(Space, RefusesValuesOutsideTheirParameter) {
  EXPECT_EQ(error_of(with("layers", "4")), "'layers' = 4 lies outside int(1, 3)");
  EXPECT_EQ(error_of(with("layers", "1.5")), "'layers' = 1.5 lies outside int(1, 3)");
  EXPECT_EQ(error_of(with("layers", "two")), "'layers' needs a number, got 'two'");
  EXPECT_EQ(error_of(with("learning_rate", "0.2")),
            "'learning_rate' = 0.2 lies outside loguniform(1e-4, 1e-1)");
  EXPECT_EQ(error_of(with("step", "0.33")), "'step' = 0.33 lies outside quniform(0, 1, 0.1)");
  EXPECT_EQ(error_of(with("activation", "rely")),
            "'rely' is no value of 'activation' (relu, tanh, gelu); did you mean 'relu'?");
}

TEST(Space, RefusesAConfigurationThatBreaksAConstraint) {
  const Space space = space_of({"a = int(1, 9)", "b = int(1, 9)"}, {"order = a < b"});

  EXPECT_THROW(space.read(Texts{{"a", "5"}, {"b", "5"}}), InvalidInput);
  EXPECT_NO_THROW(space.read(Texts{{"a", "4"}, {"b", "5"}}));
}

TEST(Space, SaysWhatIsWrongWithAConfiguration) {
  const Space space = space_of(digits);
  const double none = std::nan("");

  EXPECT_EQ(space.violation(Config{0.01, 2}), "a configuration of this space has 6 entries, got 2");
  EXPECT_EQ(space.violation(Config{0.01, 7, 0, 0, 0.5, 0.1}), "'layers' = 7 lies outside int(1, 3)");
  EXPECT_EQ(space.violation(Config{0.01, 2, 9, 0, 0.5, 0.1}),
            "'activation' = 9 lies outside choice(relu, tanh, gelu)");
  EXPECT_EQ(space.violation(Config{0.01, 2, 0, 1, 0.5, 0.1}),
            "'momentum' has a value, although its condition 'optimizer == sgd' does not hold");
  EXPECT_EQ(space.violation(Config{0.01, 2, 0, 0, none, 0.1}),
            "'momentum' has no value, although 'optimizer == sgd' holds");
  EXPECT_EQ(space.violation(Config{0.01, 2, 0, 1, none, 0.1}), "");
}

TEST(Space, GivesInactiveParametersTheMiddleOfTheCube) {
  const Space space = space_of(digits);

  const Config config = space.decode(UnitPoint{0.5, 0.5, 0.5, 0.9, 0.1, 0.5});

  EXPECT_TRUE(std::isnan(config[4]));
  EXPECT_EQ(space.encode(config)[4], 0.5);
  EXPECT_EQ(space.value(config, 4), Value{});
}

TEST(Space, DeactivatesChainsOfConditions) {
  const Space space =
      space_of({"a = choice(on, off)", "b = int(1, 2) if a == on", "c = int(1, 2) if b == 1"});
  Config config{1, 1, 1};

  space.deactivate(config);

  EXPECT_EQ(config[0], 1);
  EXPECT_TRUE(std::isnan(config[1]));
  EXPECT_TRUE(std::isnan(config[2]));
}

TEST(Space, RefusesPointsOfAnotherDimension) {
  const Space space = space_of(digits);

  EXPECT_THROW(space.decode(UnitPoint{0.5}), InvalidInput);
  EXPECT_THROW(space.encode(Config{0.5}), InvalidInput);
}

TEST(SpaceCardinality, MultipliesIndependentParameters) {
  EXPECT_EQ(space_of({"a = int(1, 3)", "b = choice(x, y)", "c = grid(1, 2, 3, 4)"}).cardinality(), 24);
}

TEST(SpaceCardinality, CountsConditionalParametersOnlyWhereTheyAreActive) {
  EXPECT_EQ(space_of({"a = choice(x, y)", "b = int(1, 5) if a == x"}).cardinality(), 5 + 1);
  EXPECT_EQ(
      space_of({"a = choice(x, y)", "b = int(1, 5) if a == x", "c = int(1, 3) if b > 3", "d = int(1, 7)"})
          .cardinality(),
      ((3 + 2 * 3) + 1) * 7);
}

TEST(SpaceCardinality, CountsLayersThatNest) {
  EXPECT_EQ(
      space_of({"n = int(1, 3)", "u1 = int(1, 10)", "u2 = int(1, 10) if n >= 2", "u3 = int(1, 10) if n >= 3"})
          .cardinality(),
      10 + 100 + 1000);
}

TEST(SpaceCardinality, IsNoneForContinuousAndForHugeSpaces) {
  EXPECT_EQ(space_of({"a = int(1, 3)", "b = uniform(0, 1)"}).cardinality(), std::nullopt);
  EXPECT_EQ(space_of({"a = int(1, 1000000000)", "b = int(1, 1000000000)"}).cardinality(), std::nullopt);
  EXPECT_EQ(space_of({"a = int(1, 100000000)", "b = int(1, 2) if a > 5"}).cardinality(), std::nullopt);
}

TEST(SpaceCardinality, AgreesWithAWalkOverTheCube) {
  const Space space =
      space_of({"a = int(1, 3)", "b = choice(x, y) if a > 1", "c = ordinal(1, 2, 3) if b == y"});
  std::set<std::string> seen;

  for (int i = 0; i < 10'000; ++i)
    seen.insert(space.text(space.decode(UnitPoint{i % 10 / 10.0, i / 10 % 10 / 10.0, i / 100 % 10 / 10.0})));

  EXPECT_EQ(space.cardinality(), static_cast<double>(seen.size()));
}

}  // namespace
}  // namespace regatta::space
