#include "app/option_values.hpp"

#include <gtest/gtest.h>

namespace regatta::app {
namespace {

const std::vector<Option>& options() {
  static const std::vector<Option> all = {
      {"seed", OptionType::Integer, "1", "", {}, 0, 100},
      {"trials", OptionType::Integer, "10", "", {"unlimited"}, 1, 1000},
      {"time", OptionType::Duration, "", ""},
      {"share", OptionType::Flag, "false", ""},
  };
  return all;
}

Entry in_file(const std::string& name, const std::string& text, int line) {
  return {name, text, {"x.ini", line}};
}
Entry typed(const std::string& name, const std::string& text) { return {name, text, {"command line", 0}}; }

std::string complaint(const std::vector<Entry>& file) {
  Problems problems;
  OptionValues("study", options(), file, {}, problems);
  return InvalidInputs(problems).what();
}

TEST(OptionValues, PutsTheCommandLineBeforeTheFileBeforeTheDefault) {
  Problems problems;

  const OptionValues values("study", options(), {in_file("seed", "2", 1), in_file("share", "yes", 2)},
                            {typed("seed", "3")}, problems);

  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(values.number("seed"), 3);
  EXPECT_EQ(values["seed"].origin, Origin::CommandLine);
  EXPECT_TRUE(values.flag("share"));
  EXPECT_EQ(values["share"].origin, Origin::File);
  EXPECT_EQ(values["share"].where.line, 2);
  EXPECT_EQ(values.number("trials"), 10);
  EXPECT_EQ(values["trials"].origin, Origin::Default);
}

TEST(OptionValues, GivesTheOtherwiseForAWordAndForNothing) {
  Problems problems;
  const OptionValues values("study", options(), {in_file("trials", "unlimited", 1)}, {}, problems);

  EXPECT_EQ(values.number("trials", -1), -1);
  EXPECT_EQ(values.number("time", 7), 7);
}

TEST(OptionValues, UnderstandsUnits) {
  Problems problems;
  EXPECT_EQ(OptionValues("study", options(), {in_file("time", "2h30min", 1)}, {}, problems).number("time"),
            9000);
}

TEST(OptionValues, TellsEveryKindOfWrongEntry) {
  EXPECT_EQ(complaint({in_file("sede", "1", 4)}),
            "x.ini:4: unknown key 'sede' in section [study]; did you mean 'seed'?");
  EXPECT_EQ(complaint({in_file("seed", "abc", 4)}), "x.ini:4: seed must be a whole number, got 'abc'");
  EXPECT_EQ(complaint({in_file("seed", "1,5", 4)}), "x.ini:4: seed must be a whole number, got '1,5'");
  EXPECT_EQ(complaint({in_file("seed", "-1", 4)}), "x.ini:4: seed must be at least 0, got -1");
  EXPECT_EQ(complaint({in_file("seed", "101", 4)}), "x.ini:4: seed must be at most 100, got 101");
  EXPECT_EQ(complaint({in_file("share", "maybe", 4)}), "x.ini:4: share must be true or false, got 'maybe'");
  EXPECT_EQ(complaint({in_file("seed", "1", 4), in_file("seed", "2", 9)}),
            "x.ini:9: duplicate key 'seed' in section [study]; first given as '1' at x.ini:4");
}

TEST(OptionValues, TakesAWrongEntryAsNotSaid) {
  Problems problems;
  const OptionValues values("study", options(), {in_file("seed", "abc", 4)}, {}, problems);

  EXPECT_EQ(values.number("seed"), 1);
  EXPECT_EQ(problems.size(), 1u);
}

}  // namespace
}  // namespace regatta::app
