#include "app/arguments.hpp"

#include <gtest/gtest.h>

#include "support/message_of.hpp"

namespace regatta::app {
namespace {

int nothing(const Arguments&) { return 0; }

const std::vector<Command>& table() {
  static const std::vector<Command> all = {
      {"run", "INPUT", 1, 1, "", nothing, {{"ranks", OptionType::Integer, "1", "", {}, 1, 10}}, true},
      {"export",
       "DIR",
       1,
       1,
       "",
       nothing,
       {{"csv", OptionType::Path, "", ""}, {"all", OptionType::Flag, "false", ""}}},
      {"enqueue", "DIR NAME=VALUE...", 2, 9, "", nothing},
      {"help", "", 0, 1, "", nothing},
      {"version", "", 0, 0, "", nothing},
  };
  return all;
}

Arguments parse(std::vector<std::string> words) {
  words.insert(words.begin(), "regatta");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_arguments(static_cast<int>(argv.size()), argv.data(), table());
}

std::string complaint(const std::vector<std::string>& words) {
  return support::message_of<InvalidInput>([&] { parse(words); });
}

TEST(Arguments, ReadsOverridesInBothForms) {
  const Arguments arguments = parse(
      {"run", "x.ini", "study.seed=3", "--study.trials", "5", "--space.x=uniform(0, 1)", "objective.a=b=c"});

  EXPECT_EQ(arguments.operands, std::vector<std::string>{"x.ini"});
  ASSERT_EQ(arguments.overrides.size(), 4u);
  EXPECT_EQ(arguments.overrides[0].section + "." + arguments.overrides[0].entry.name, "study.seed");
  EXPECT_EQ(arguments.overrides[1].entry.text, "5");
  EXPECT_EQ(arguments.overrides[2].entry.text, "uniform(0, 1)");
  EXPECT_EQ(arguments.overrides[3].entry.text, "b=c");
  EXPECT_EQ(arguments.overrides[0].entry.where.text(), "command line");
}

TEST(Arguments, TakesANegativeNumberAsAValue) {
  EXPECT_EQ(parse({"run", "x.ini", "--study.seed", "-1"}).overrides.front().entry.text, "-1");
}

TEST(Arguments, TakesAPathWithAnEqualsSignAsAFile) {
  EXPECT_EQ(parse({"run", "runs/a=1.ini"}).operands.front(), "runs/a=1.ini");
}

TEST(Arguments, LeavesUnknownKeysToTheOneWhoReadsTheInputs) {
  EXPECT_EQ(parse({"run", "x.ini", "--study.sede=3"}).overrides.front().entry.name, "sede");
  EXPECT_EQ(parse({"run", "x.ini", "stduy.seed=3"}).overrides.front().section, "stduy");
}

TEST(Arguments, ReadsOptionsOfTheCommand) {
  const Arguments arguments = parse({"export", "runs/a", "--csv", "-", "--all"});

  EXPECT_EQ(arguments.option("csv"), "-");
  EXPECT_EQ(arguments.option("all"), "true");
  EXPECT_EQ(parse({"export", "runs/a"}).option("all"), "false");
}

TEST(Arguments, LeavesNameAndValueToCommandsWithoutOverrides) {
  EXPECT_EQ(parse({"enqueue", "runs/a", "x=1", "y=-2"}).operands,
            (std::vector<std::string>{"runs/a", "x=1", "y=-2"}));
}

TEST(Arguments, FindsHelpEverywhere) {
  EXPECT_EQ(parse({"--help"}).command->name, "help");
  EXPECT_EQ(parse({}).command->name, "help");
  EXPECT_EQ(parse({"--version"}).command->name, "version");
  EXPECT_TRUE(parse({"run", "--help"}).help);
  EXPECT_TRUE(parse({"export", "-h"}).help);
}

TEST(Arguments, ComplainsOfWhatItDoesNotKnow) {
  EXPECT_EQ(complaint({"rnu"}), "unknown command 'rnu'; did you mean 'run'?");
  EXPECT_EQ(complaint({"inputs/x.ini"}),
            "unknown command 'inputs/x.ini'; did you mean 'regatta run inputs/x.ini'?");
  EXPECT_EQ(complaint({"run", "x.ini", "--rank=3"}), "unknown option '--rank'; did you mean 'ranks'?");
  EXPECT_EQ(complaint({"run", "x.ini", "--stduy.seed", "3"}),
            "unknown option '--stduy.seed'; did you mean 'study.seed'?");
  EXPECT_EQ(complaint({"run", "x.ini", "-n"}), "unknown option '-n'");
  EXPECT_EQ(complaint({"run", "x.ini", "seed=3"}),
            "'seed=3' names no section; write section.key=value, as study.seed=3");
  EXPECT_EQ(complaint({"run", "x.ini", "y.ini"}),
            "regatta run does not know what to do with 'y.ini'; usage: regatta run INPUT");
  EXPECT_EQ(complaint({"run"}), "regatta run needs more than that; usage: regatta run INPUT");
}

TEST(Arguments, ComplainsOfWrongValues) {
  EXPECT_EQ(complaint({"run", "x.ini", "--ranks", "many"}), "--ranks must be a whole number, got 'many'");
  EXPECT_EQ(complaint({"run", "x.ini", "--ranks", "0"}), "--ranks must be at least 1, got 0");
  EXPECT_EQ(complaint({"run", "x.ini", "--ranks", "1", "--ranks", "2"}), "--ranks is given twice");
  EXPECT_EQ(complaint({"export", "runs/a", "--csv"}), "the required argument for option '--csv' is missing");
  EXPECT_EQ(complaint({"run", "x.ini", "study.name=a # b"}),
            "the value of study.name must hold neither a line break nor ' #'");
}

TEST(Arguments, DoesNotGuessFromTheStartOfAnOption) {
  EXPECT_EQ(complaint({"export", "runs/a", "--cs=x"}), "unknown option '--cs'; did you mean 'csv'?");
}

TEST(Arguments, KeepsTheCommandLineAsItCanBeTypedAgain) {
  EXPECT_EQ(parse({"run", "x.ini", "study.name=a b", "study.metric=it's"}).command_line,
            "regatta run x.ini 'study.name=a b' 'study.metric=it'\\''s'");
}

}  // namespace
}  // namespace regatta::app
