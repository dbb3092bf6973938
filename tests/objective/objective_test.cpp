#include "regatta/objective/objective.hpp"

#include <set>

#include "fixture.hpp"
#include "regatta/core/error.hpp"

namespace regatta::objective {
namespace {

TEST(Objective, HasNetworkAsItsDefaultType) {
  EXPECT_EQ(objective_names().front(), "network");
  EXPECT_THAT(objective_names(), testing::Contains("function"));
}

TEST(Objective, OffersOptionsThatTakeTheirOwnFallbacks) {
  for (const std::string& type : objective_names()) {
    std::set<std::string> names;
    for (const Option& option : objective_options(type)) {
      EXPECT_TRUE(names.insert(option.name).second) << option.name << " stands twice";
      EXPECT_FALSE(option.help.empty()) << option.name;
      if (!option.fallback.empty()) {
        EXPECT_EQ(violation(option, option.fallback), "");
      }
    }
  }
}

TEST(Objective, NamesTheNearestTypeForAnUnknownOne) {
  ObjectiveOptions options = options_of({{"type", "netwrok"}});
  options.type = "netwrok";

  EXPECT_THAT(problems_of(options, {}),
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("x.ini:101"),
                                                  testing::HasSubstr("did you mean 'network'?"))));
  EXPECT_THROW(make_objective(options, {}), InvalidInput);
  EXPECT_THROW(objective_options("netwrok"), InvalidInput);
}

TEST(Objective, NamesTheNearestOptionForAnUnknownOne) {
  EXPECT_THAT(
      problems_of(options_of({{"bach_size", "3"}}), {}),
      testing::ElementsAre(testing::AllOf(testing::HasSubstr("x.ini:101: objective.bach_size is no option"),
                                          testing::HasSubstr("did you mean 'batch_size'?"))));
}

TEST(Objective, SaysWhichValuesItsOptionsDoNotTake) {
  EXPECT_THAT(problems_of(options_of({{"epochs", "0"}, {"optimizer", "adan"}}), {}),
              testing::UnorderedElementsAre(testing::HasSubstr("epochs must be at least 1, got 0"),
                                            testing::HasSubstr("did you mean 'adam'?")));
}

TEST(Objective, BringsASpaceOnlyWithAFunction) {
  ObjectiveOptions function;
  function.type = "function";
  EXPECT_FALSE(default_space(function).empty());
  EXPECT_TRUE(default_space(options_of({})).empty());
}

TEST(Objective, MinimisesTheValueOfAFunction) {
  ObjectiveOptions function;
  function.type = "function";
  EXPECT_THAT(objective_metrics(function), testing::ElementsAre(testing::Pair("value", false)));
}

}  // namespace
}  // namespace regatta::objective
