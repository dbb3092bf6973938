#include "regatta/core/text.hpp"

#include <cmath>

#include "regatta/core/json.hpp"

namespace regatta {
namespace {

TEST(Text, FindsTheNearestName) {
  const std::vector<std::string> names{"seed", "trials", "walltime", "direction"};

  EXPECT_EQ(nearest("sede", names), "seed");
  EXPECT_EQ(nearest("wall_time", names), "walltime");
  EXPECT_EQ(nearest("Direction", names), "direction");
  EXPECT_EQ(nearest("epochs", names), std::nullopt);
  EXPECT_EQ(suggestion("trails", names), "; did you mean 'trials'?");
  EXPECT_EQ(suggestion("zzz", names), "");
}

TEST(Text, ReadsNumbersOnlyWhenTheWholeTextIsOne) {
  EXPECT_EQ(parse_number("1e-4"), 1e-4);
  EXPECT_EQ(parse_number(" +2.5 "), 2.5);
  for (const char* wrong : {"", "1,5", "nan", "inf", "1e999", "0x10", "3 4", "+", "--1"})
    EXPECT_EQ(parse_number(wrong), std::nullopt) << wrong;
}

TEST(Text, ReadsNumbersAsProgramsPrintThem) {
  EXPECT_EQ(parse_printed_number("-1.5e3"), -1500);
  EXPECT_EQ(parse_printed_number("-Infinity"), -HUGE_VAL);
  EXPECT_EQ(parse_printed_number("+INF"), HUGE_VAL);
  EXPECT_TRUE(std::isnan(parse_printed_number("NaN").value_or(0)));
  EXPECT_EQ(parse_printed_number("nano"), std::nullopt);
}

TEST(Json, IsReadAsPythonWritesIt) {
  const Json json = parse_json(R"({"a": NaN, "b": [-Infinity, 2], "c": "NaN \" NaN"})");

  EXPECT_TRUE(std::isnan(number_in(json.at("a")).value_or(0)));
  EXPECT_EQ(number_in(json.at("b").at(0)), -HUGE_VAL);
  EXPECT_EQ(json.at("c"), "NaN \" NaN");
  EXPECT_EQ(number_in(json.at("b")), std::nullopt);
  EXPECT_TRUE(parse_json("{nonsense").is_discarded());
  EXPECT_EQ(line_of({{"a", "\xff\n"}}), "{\"a\":\"\uFFFD\\n\"}");
}

TEST(Text, ReadsIntegersInAnyNotationWithoutRounding) {
  EXPECT_EQ(parse_integer("1e3"), 1000);
  EXPECT_EQ(parse_integer("-7"), -7);
  EXPECT_EQ(parse_integer("10.0"), 10);
  EXPECT_EQ(parse_integer("0.5"), std::nullopt);
  EXPECT_EQ(parse_integer("1e17"), std::nullopt);
}

TEST(Text, ReadsDurationsWithUnits) {
  EXPECT_EQ(parse_duration("90"), 90.0);
  EXPECT_EQ(parse_duration("30min"), 1800.0);
  EXPECT_EQ(parse_duration("2h30min"), 9000.0);
  EXPECT_EQ(parse_duration("1.5 h"), 5400.0);
  EXPECT_EQ(parse_duration("1d 12h"), 129600.0);
  EXPECT_EQ(parse_duration("01:30:00"), 5400.0);
  EXPECT_EQ(parse_duration("2-00:00:30"), 172830.0);
  EXPECT_DOUBLE_EQ(*parse_duration("500ms"), 0.5);
  for (const char* wrong : {"", "-5", "2 parsecs", "h", "1:2:3:4", "5min3"}) EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
}

TEST(Text, ReadsSizesWithUnits) {
  EXPECT_EQ(parse_bytes("4096"), 4096.0);
  EXPECT_EQ(parse_bytes("512MiB"), 512.0 * 1024 * 1024);
  EXPECT_EQ(parse_bytes("1.5GB"), 1.5e9);
  EXPECT_EQ(parse_bytes("12 lots"), std::nullopt);
}

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(split(" a, b ,,c", ','), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_TRUE(split("  ", ',').empty());
  EXPECT_EQ(trim("\t x y \r\n"), "x y");
  EXPECT_EQ(join(std::vector<std::string>{"a", "b"}, ", "), "a, b");
}

TEST(Text, WritesNumbersThatReadBackTheSame) {
  for (const double value : {0.1, 1.0 / 3.0, 1e-300, -2.5e17, 123456789.0, 5e-324}) {
    const auto back = parse_number(format_number(value));
    ASSERT_TRUE(back.has_value()) << format_number(value);
    EXPECT_EQ(*back, value);
  }
  EXPECT_EQ(format_number(3.0), "3");
  EXPECT_EQ(format_number(std::nan("")), "nan");
}

TEST(Text, WritesDurationsForPeople) {
  EXPECT_EQ(format_duration(0.85), "850 ms");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(245), "4 min 05 s");
  EXPECT_EQ(format_duration(8000), "2 h 13 min");
  EXPECT_EQ(format_bytes(1.5 * 1024 * 1024 * 1024), "1.5 GiB");
}

}  // namespace
}  // namespace regatta
