#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "regatta/run/simulator.hpp"
#include "regatta/search/tree_nodes.hpp"

// Studies of `ais` in virtual time, with every scheduler.
namespace regatta::run {
namespace {

using search::Trial;
using search::TrialState;

std::vector<std::string> all_forms() {
  std::vector<std::string> forms = schedule::scheduler_names();
  forms.insert(forms.end(), {"asha by promotion", "asynchronous hyperband", "threshold of the incumbent"});
  return forms;
}

schedule::SchedulerOptions form_options(const std::string& form) {
  schedule::SchedulerOptions options{.algorithm = form, .threshold = 20, .parameter = "x1"};
  options.schedule = "3: x1=0.5; 6: x1=0.9";
  if (form == "asha by promotion") options.algorithm = "asha", options.promotion = true;
  if (form == "asynchronous hyperband") options.algorithm = "hyperband", options.asynchronous = true;
  if (form == "threshold of the incumbent") options.algorithm = "threshold", options.threshold = NAN;
  return options;
}

/// Forty trials of nine epochs on six workers.
StudyPlan tree_plan(const std::string& form, int controllers) {
  StudyPlan plan;
  plan.objective.type = "function";
  plan.objective.values = {
      {"function", "levy"}, {"dimensions", "3"}, {"epochs", "9"}, {"sleep", "uniform(9, 12)"}};
  Problems problems;
  plan.space = space::Space::parse(objective::default_space(plan.objective), {}, problems);
  plan.epochs = 9;
  plan.searcher.algorithm = "ais";
  plan.searcher.seed = plan.controller.seed = 7;
  plan.searcher.tree = {.split = 8, .controllers = controllers, .local_from = 20};
  plan.scheduler = form_options(form);
  plan.controller.trials = 40;
  plan.controller.prefetch = 0;
  return plan;
}

class TreeWithScheduler : public testing::TestWithParam<std::string> {};

TEST_P(TreeWithScheduler, SpendsTheBudgetAndKnowsAllThatCameOfIt) {
  for (const int controllers : {0, 2}) {
    SCOPED_TRACE(controllers);
    const StudyPlan plan = tree_plan(GetParam(), controllers);
    std::set<std::pair<TrialId, std::int32_t>> reported;
    std::set<search::Config> proposed;
    SimulationOptions options{.workers = 6};
    options.log = [&](std::span<const search::Event> events) {
      for (const search::Event& event : events) {
        if (const auto* created = std::get_if<search::TrialCreated>(&event)) proposed.insert(created->config);
        const auto* report = std::get_if<search::TrialReported>(&event);
        EXPECT_TRUE(!report || reported.emplace(report->trial, report->epoch).second);
      }
    };

    const search::History history = simulate(plan, options).history;

    ASSERT_EQ(history.trials().size(), 40u);
    EXPECT_EQ(proposed.size(), 40u);
    std::int64_t results = 0;
    for (const Trial& trial : history.trials()) {
      EXPECT_TRUE(is_final(trial.state)) << trial.id.value;
      results += trial.state == TrialState::Completed || trial.state == TrialState::Stopped ? 1 : 0;
    }
    const auto nodes = search::tree_nodes(plan.space, plan.searcher.tree, history);
    EXPECT_EQ(nodes[0].visits, results);
    EXPECT_EQ(nodes[0].in_flight, 0);
    EXPECT_GT(nodes.size(), 3u);
  }
}

INSTANTIATE_TEST_SUITE_P(All, TreeWithScheduler, testing::ValuesIn(all_forms()), [](const auto& given) {
  std::string name = given.param;
  std::erase_if(name, [](char each) { return std::isalnum(static_cast<unsigned char>(each)) == 0; });
  return name;
});

}  // namespace
}  // namespace regatta::run
