// Properties that hold for every space, tried on many random ones.
#include <gtest/gtest.h>

#include <cmath>

#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"
#include "spaces.hpp"

namespace regatta::space {
namespace {

constexpr double last_below_one = 1 - 0x1p-53;

std::string numbers(Random& random, bool whole, bool positive) {
  const double scale = std::pow(10, 6 * random.uniform() - (whole ? 0 : 3));
  double low = positive ? scale * random.uniform() : scale * (2 * random.uniform() - 1);
  if (whole) low = std::floor(low) + (positive ? 1 : 0);
  const double high =
      whole ? low + std::floor(scale * random.uniform()) : low + scale * (0.01 + random.uniform());
  return format_number(low) + ", " + format_number(high);
}

std::string words(Random& random) {
  std::string text = "none";
  for (std::uint64_t i = random.below(40); i > 0; --i) text += concat(random.below(2) ? ", w" : ", ", i);
  return text;
}

std::string random_definition(Random& random) {
  switch (random.below(10)) {
    case 0:
      return concat("uniform(", numbers(random, false, false), ")");
    case 1:
      return concat("loguniform(", numbers(random, false, true), ")");
    case 2:
      return concat("quniform(", numbers(random, false, false), ", 0.0001)");
    case 3:
      return concat("qloguniform(", numbers(random, true, true), ", 0.5)");
    case 4:
      return concat("normal(", random.normal(), ", ", 0.1 + random.uniform(), ")");
    case 5:
      return concat("lognormal(", random.normal(), ", ", 0.1 + random.uniform(), ")");
    case 6:
      return concat("int(", numbers(random, true, false), ")");
    case 7:
      return concat("logint(", numbers(random, true, true), ")");
    case 8:
      return concat("choice(", words(random), ")");
    default:
      return concat("ordinal(", words(random), ")");
  }
}

/// Ten parameters; every third is active only for some values of the one before it.
Space random_space(std::uint64_t seed) {
  Random random(seed);
  Lines lines;
  for (int i = 0; i < 10; ++i) {
    std::string line = concat("p", i, " = ", random_definition(random));
    if (i % 3 == 2) {
      lines.back() = concat("p", i - 1, " = choice(on, off, 3)");
      line += concat(" if p", i - 1, " in (on, 3)");
    }
    lines.push_back(line);
  }
  return space_of(lines);
}

UnitPoint random_point(const Space& space, Random& random) {
  UnitPoint unit(space.size());
  for (double& u : unit) u = random.uniform();
  return unit;
}

void expect_same(const Space& space, const Config& a, const Config& b) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Parameter& parameter = space.parameters()[i];
    if (std::isnan(a[i])) {
      EXPECT_TRUE(std::isnan(b[i])) << parameter.name;
    } else if (parameter.discrete()) {
      EXPECT_EQ(a[i], b[i]) << parameter.name << " = " << parameter.definition;
    } else {
      EXPECT_NEAR(a[i], b[i], 1e-9 * (1 + std::abs(a[i]))) << parameter.name << " = " << parameter.definition;
    }
  }
}

class RoundTrip : public testing::TestWithParam<std::uint64_t> {
 protected:
  const Space space = random_space(GetParam());
  Random random{GetParam(), 1};
};

TEST_P(RoundTrip, DecodingWhatWasEncodedGivesTheSameConfiguration) {
  for (int i = 0; i < 200; ++i) {
    const Config config = space.decode(random_point(space, random));
    expect_same(space, config, space.decode(space.encode(config)));
  }
}

TEST_P(RoundTrip, StaysWhereItIsAfterManyTrips) {
  const Config config = space.decode(random_point(space, random));

  Config traveller = config;
  for (int trip = 0; trip < 1000; ++trip) traveller = space.decode(space.encode(traveller));

  expect_same(space, config, traveller);
}

TEST_P(RoundTrip, EncodesIntoTheUnitCube) {
  for (int i = 0; i < 200; ++i)
    for (const double u : space.encode(space.decode(random_point(space, random)))) {
      EXPECT_GE(u, 0);
      EXPECT_LT(u, 1);
    }
}

TEST_P(RoundTrip, DecodesTheCornersOfTheCube) {
  for (const double corner : {0.0, last_below_one}) {
    const Config config = space.decode(UnitPoint(space.size(), corner));
    EXPECT_EQ(space.violation(config), "");
    expect_same(space, config, space.decode(space.encode(config)));
  }
}

TEST_P(RoundTrip, DecodesOnlyConfigurationsThatTheSpaceAccepts) {
  for (int i = 0; i < 200; ++i) EXPECT_EQ(space.violation(space.decode(random_point(space, random))), "");
}

TEST_P(RoundTrip, DecodesMonotonously) {
  for (const Parameter& parameter : space.parameters()) {
    double last = parameter.decode(0);
    for (int i = 1; i <= 1000; ++i) {
      const double next = parameter.decode(i / 1000.0 * last_below_one);
      EXPECT_LE(last, next) << parameter.definition;
      last = next;
    }
  }
}

TEST_P(RoundTrip, ReadsItsOwnTextsBack) {
  for (int i = 0; i < 50; ++i) {
    const Config config = space.decode(random_point(space, random));
    std::vector<std::pair<std::string, std::string>> texts;
    for (std::size_t p = 0; p < space.size(); ++p)
      texts.emplace_back(space.parameters()[p].name, to_text(space.value(config, p)));

    const Config again = space.read(texts);

    for (std::size_t p = 0; p < space.size(); ++p)
      EXPECT_TRUE(config[p] == again[p] || (std::isnan(config[p]) && std::isnan(again[p]))) << texts[p].first;
  }
}

TEST_P(RoundTrip, ItsDefinitionsGiveTheSameSpaceAgain) {
  Problems problems;
  const Space again = Space::parse(space.definitions(), space.constraints(), problems);

  ASSERT_TRUE(problems.empty());
  const UnitPoint point = random_point(space, random);
  expect_same(space, space.decode(point), again.decode(point));
}

INSTANTIATE_TEST_SUITE_P(RandomSpaces, RoundTrip, testing::Range(std::uint64_t{1}, std::uint64_t{31}));

struct Exact {
  const char* definition;
};

class ExactRange : public testing::TestWithParam<Exact> {};

/// The first and last thousand values and a thousand between them: dense near the ends, where rounding bites.
TEST_P(ExactRange, EveryValueSurvivesTheRoundTrip) {
  const Space space = space_of({std::string("x = ") + GetParam().definition});
  const Parameter& x = space.parameters()[0];
  const double count = *x.cardinality();
  Random random(3);
  for (double i = 0; i < std::min(count, 1000.0); ++i) {
    for (const double place : {i, count - 1 - i, std::floor(random.uniform() * count)}) {
      const double value = x.nth(place);
      const double unit = x.encode(value);
      ASSERT_EQ(x.decode(unit), value);
      ASSERT_EQ(x.encode(x.decode(unit)), unit);
      ASSERT_TRUE(x.contains(value));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, ExactRange,
    testing::Values(Exact{"int(0, 1)"}, Exact{"int(-1000000, 1000000)"}, Exact{"int(0, 1125899906842623)"},
                    Exact{"int(9007199254740000, 9007199254740992)"}, Exact{"logint(1, 1)"},
                    Exact{"logint(1, 1000)"}, Exact{"logint(1, 17592186044416)"}, Exact{"logint(8, 256)"},
                    Exact{"quniform(0, 1, 0.001)"}, Exact{"quniform(-0.7, 0.9, 0.1)"},
                    Exact{"quniform(0, 1000000, 0.3)"}, Exact{"qloguniform(0.001, 1, 0.001)"},
                    Exact{"qloguniform(16, 1e12, 16)"}, Exact{"qloguniform(1e-20, 3, 1)"},
                    Exact{"grid(1, 2, 4, x)"}, Exact{"constant(4)"}));

}  // namespace
}  // namespace regatta::space
