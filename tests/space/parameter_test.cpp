#include "regatta/space/parameter.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "spaces.hpp"

namespace regatta::space {
namespace {

Parameter parameter_of(const std::string& definition) {
  return space_of({"x = " + definition}).parameters()[0];
}

constexpr double below_one = 1 - 0x1p-53;

/// Share of [0, 1) that decodes to each value, from a fine regular sweep.
std::map<double, double> shares(const Parameter& parameter, int points) {
  std::map<double, double> share;
  for (int i = 0; i < points; ++i) share[parameter.decode((i + 0.5) / points)] += 1.0 / points;
  return share;
}

TEST(Parameter, NamesItsKindAsTheLanguageDoes) {
  EXPECT_EQ(name_of(Kind::Uniform), "uniform");
  EXPECT_EQ(name_of(Kind::QLogUniform), "qloguniform");
  EXPECT_EQ(name_of(Kind::Grid), "grid");
}

TEST(Parameter, UniformIsLinearBetweenItsBounds) {
  const Parameter x = parameter_of("uniform(-2, 6)");

  EXPECT_EQ(x.decode(0), -2);
  EXPECT_EQ(x.decode(0.25), 0);
  EXPECT_LE(x.decode(below_one), 6);
  EXPECT_EQ(x.encode(2), 0.5);
}

TEST(Parameter, UpperBoundIsIncluded) {
  for (const char* definition : {"uniform(0, 3)", "loguniform(1, 3)", "int(1, 3)", "quniform(0, 3, 0.5)"}) {
    const Parameter x = parameter_of(definition);
    EXPECT_TRUE(x.contains(3)) << definition;
    EXPECT_FALSE(x.contains(3.5)) << definition;
    EXPECT_LT(x.encode(3), 1) << definition;
  }
}

TEST(Parameter, LogUniformHasItsGeometricMeanInTheMiddle) {
  const Parameter x = parameter_of("loguniform(1e-4, 1e-1)");

  EXPECT_DOUBLE_EQ(x.decode(0), 1e-4);
  EXPECT_NEAR(x.decode(0.5), std::sqrt(1e-5), 1e-16);
  EXPECT_NEAR(x.decode(1.0 / 3), 1e-3, 1e-15);
  EXPECT_NEAR(x.encode(1e-2), 2.0 / 3, 1e-15);
}

TEST(Parameter, NormalKnowsItsQuantiles) {
  const Parameter x = parameter_of("normal(10, 2)");

  EXPECT_NEAR(x.decode(0.5), 10, 1e-14);
  EXPECT_NEAR(x.decode(0.975), 10 + 2 * 1.959963984540054, 1e-12);
  EXPECT_NEAR(x.decode(1e-9), 10 - 2 * 5.997807015007687, 1e-11);
  EXPECT_NEAR(x.encode(12), 0.8413447460685429, 1e-15);
}

TEST(Parameter, NormalIsFiniteAtBothEndsOfTheCube) {
  const Parameter x = parameter_of("normal(0, 1)");

  EXPECT_NEAR(x.decode(0), -8.3, 0.1);
  EXPECT_NEAR(x.decode(below_one), 8.2, 0.1);
  EXPECT_EQ(x.encode(-100), 0);
  EXPECT_EQ(x.encode(100), below_one);
}

TEST(Parameter, LogNormalTakesMeanAndDeviationOfTheLogarithm) {
  const Parameter x = parameter_of("lognormal(1, 0.5)");

  EXPECT_NEAR(x.decode(0.5), std::exp(1.0), 1e-14);
  EXPECT_NEAR(x.decode(0.8413447460685429), std::exp(1.5), 1e-12);
  EXPECT_TRUE(x.contains(1e-3));
  EXPECT_FALSE(x.contains(0));
}

TEST(Parameter, EveryIntegerHasTheSameShareEndsIncluded) {
  const auto share = shares(parameter_of("int(-3, 6)"), 100'000);

  ASSERT_EQ(share.size(), 10u);
  EXPECT_EQ(share.begin()->first, -3);
  EXPECT_EQ(share.rbegin()->first, 6);
  for (const auto& [value, mass] : share) EXPECT_NEAR(mass, 0.1, 1e-4) << value;
}

TEST(Parameter, LogIntGivesEveryIntegerItsLogarithmicWidth) {
  const auto share = shares(parameter_of("logint(1, 20)"), 1'000'000);

  ASSERT_EQ(share.size(), 20u);
  const double whole = std::log(20.5 / 0.5);
  for (const auto& [value, mass] : share)
    EXPECT_NEAR(mass, std::log((value + 0.5) / (value - 0.5)) / whole, 1e-5) << value;
}

TEST(Parameter, QUniformGivesEveryMultipleTheSameShare) {
  const auto share = shares(parameter_of("quniform(0.1, 0.5, 0.1)"), 100'000);

  ASSERT_EQ(share.size(), 5u);
  for (const auto& [value, mass] : share) EXPECT_NEAR(mass, 0.2, 1e-4) << value;
}

TEST(Parameter, QLogUniformGivesEveryMultipleItsLogarithmicWidth) {
  const auto share = shares(parameter_of("qloguniform(16, 128, 16)"), 1'000'000);

  ASSERT_EQ(share.size(), 8u);
  const double whole = std::log(136.0 / 8);
  for (const auto& [value, mass] : share)
    EXPECT_NEAR(mass, std::log((value + 8) / (value - 8)) / whole, 1e-5) << value;
}

TEST(Parameter, MultiplesReadAsDecimals) {
  const Parameter x = parameter_of("quniform(0, 1, 0.1)");

  EXPECT_EQ(x.nth(3), 0.3);
  EXPECT_EQ(x.nth(7), 0.7);
  EXPECT_EQ(x.decode(below_one), 1);
}

TEST(Parameter, MultiplesStartAtTheFirstInTheRange) {
  const Parameter x = parameter_of("quniform(5, 17, 4)");

  EXPECT_EQ(x.cardinality(), 3);
  EXPECT_EQ(x.decode(0), 8);
  EXPECT_EQ(x.decode(below_one), 16);
}

TEST(Parameter, BoundsThatAreMultiplesCountDespiteRounding) {
  EXPECT_EQ(parameter_of("quniform(0, 0.3, 0.1)").nth(3), 0.3);
  EXPECT_EQ(parameter_of("quniform(0, 0.3, 0.1)").cardinality(), 4);
  EXPECT_EQ(parameter_of("quniform(1.1, 1.3, 0.1)").nth(0), 1.1);
}

TEST(Parameter, CategoriesShareTheCubeEvenly) {
  const auto share = shares(parameter_of("choice(a, b, c)"), 99'999);

  ASSERT_EQ(share.size(), 3u);
  for (const auto& [index, mass] : share) EXPECT_NEAR(mass, 1.0 / 3, 1e-4) << index;
}

TEST(Parameter, KnowsHowManyValuesItHas) {
  EXPECT_EQ(parameter_of("uniform(0, 1)").cardinality(), std::nullopt);
  EXPECT_EQ(parameter_of("normal(0, 1)").cardinality(), std::nullopt);
  EXPECT_EQ(parameter_of("int(3, 3)").cardinality(), 1);
  EXPECT_EQ(parameter_of("logint(8, 256)").cardinality(), 249);
  EXPECT_EQ(parameter_of("ordinal(1, 2, 4, 8)").cardinality(), 4);
  EXPECT_EQ(parameter_of("constant(7)").cardinality(), 1);
  EXPECT_EQ(parameter_of("quniform(-1, 1, 0.25)").cardinality(), 9);
}

TEST(Parameter, ListsItsValuesInAscendingOrder) {
  const Parameter x = parameter_of("logint(4, 9)");

  EXPECT_EQ(x.nth(0), 4);
  EXPECT_EQ(x.nth(5), 9);
}

TEST(Parameter, ShowsWholeNumbersNumbersAndWords) {
  EXPECT_EQ(parameter_of("int(1, 9)").value(3), Value{std::int64_t{3}});
  EXPECT_EQ(parameter_of("uniform(1, 9)").value(3), Value{3.0});
  EXPECT_EQ(parameter_of("choice(a, b)").value(1), Value{std::string("b")});
  EXPECT_EQ(parameter_of("choice(a, b)").value(std::nan("")), Value{});
}

TEST(Parameter, ChoiceMixesNumbersAndWords) {
  const Parameter x = parameter_of("choice(none, 5, 1e-1, \"10\")");

  EXPECT_EQ(x.categories, (std::vector<Value>{std::string("none"), std::int64_t{5}, 0.1, std::string("10")}));
}

TEST(Parameter, BareWordsMayHoldDotsAndDashesAndQuotesAnything) {
  const Parameter x = parameter_of("choice(resnet-18, data/a.csv, 'two words', \"a, b)\")");

  EXPECT_EQ(x.categories, (std::vector<Value>{std::string("resnet-18"), std::string("data/a.csv"),
                                              std::string("two words"), std::string("a, b)")}));
}

TEST(Parameter, ContainsOnlyItsOwnValues) {
  EXPECT_FALSE(parameter_of("int(1, 9)").contains(1.5));
  EXPECT_FALSE(parameter_of("quniform(0, 1, 0.25)").contains(0.3));
  EXPECT_FALSE(parameter_of("choice(a, b)").contains(2));
  EXPECT_FALSE(parameter_of("choice(a, b)").contains(-1));
  EXPECT_FALSE(parameter_of("uniform(0, 1)").contains(std::nan("")));
  EXPECT_FALSE(parameter_of("normal(0, 1)").contains(HUGE_VAL));
}

}  // namespace
}  // namespace regatta::space
