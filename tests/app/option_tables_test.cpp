#include "app/option_tables.hpp"

#include <gtest/gtest.h>

#include <set>

#include "app/help.hpp"
#include "regatta/objective/objective.hpp"

namespace regatta::app {
namespace {

std::vector<SectionTable> all_tables() {
  std::vector<SectionTable> tables = section_tables();
  for (const std::string& type : objective::objective_names())
    tables.push_back({"objective " + type, "", SectionContent::ObjectiveOptions, objective_section(type)});
  return tables;
}

TEST(OptionTables, HaveDefaultsThatTheirOwnOptionTakes) {
  for (const SectionTable& table : all_tables())
    for (const Option& option : table.options) {
      if (option.fallback.empty()) continue;
      EXPECT_EQ(violation(option, option.fallback), "") << table.name << "." << option.name;
    }
}

TEST(OptionTables, NameEachOptionOnceAndExplainIt) {
  for (const SectionTable& table : all_tables()) {
    std::set<std::string> names;
    for (const Option& option : table.options) {
      EXPECT_TRUE(names.insert(option.name).second) << table.name << "." << option.name;
      EXPECT_FALSE(option.help.empty()) << table.name << "." << option.name;
    }
  }
}

TEST(OptionTables, AreAllInTheHelp) {
  const std::string plain = options_help(false), markdown = options_help(true);
  for (const SectionTable& table : all_tables())
    for (const Option& option : table.options) {
      EXPECT_NE(plain.find("\n  " + option.name + " = "), std::string::npos) << option.name;
      EXPECT_NE(markdown.find("\n| `" + option.name + "` |"), std::string::npos) << option.name;
    }
}

TEST(OptionTables, GiveTheTypeAloneForAnUnknownObjective) {
  ASSERT_EQ(objective_section("netwrk").size(), 1u);
  EXPECT_EQ(objective_section("netwrk").front().name, "type");
}

}  // namespace
}  // namespace regatta::app
