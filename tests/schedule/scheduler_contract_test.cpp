#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "fake_study.hpp"

// What every scheduler must do, whatever its policy.
namespace regatta::schedule {
namespace {

using search::Trial;
using search::TrialState;

/// A scheduler by name, with options of its own where it has several forms.
struct Form {
  std::string name;
  SchedulerOptions options;
};

std::vector<Form> all_forms() {
  std::vector<Form> forms;
  for (const std::string& name : scheduler_names()) {
    SchedulerOptions options;
    options.algorithm = name;
    options.threshold = 1.5;
    options.parameter = "rate";
    options.schedule = "5: rate=0.5; 20: rate=0.1";
    if (name == "pb2") options.interval = 9;  // each comparison fits a model
    forms.push_back({name, options});
  }
  SchedulerOptions promotion{.algorithm = "asha", .brackets = 3, .promotion = true};
  forms.push_back({"asha_promotion_brackets", promotion});
  forms.push_back({"hyperband_asynchronous", {.algorithm = "hyperband", .asynchronous = true}});
  forms.push_back(
      {"asha_short", {.algorithm = "asha", .grace_period = 2, .max_epochs = 9, .promotion = true}});
  forms.push_back({"bandit_ucb", {.algorithm = "bandit", .ucb = true}});
  if (const char* plugin = std::getenv("REGATTA_TEST_PLUGIN")) {  // set by tests/package/check.cmake
    SchedulerOptions options;
    options.plugin = plugin;
    forms.push_back({"plugin", options});
  }
  return forms;
}

/// Trials get better with a pace of their own; every fifth reports no number at its second epoch.
double curve(const Trial& trial, std::int32_t epoch) {
  const double value = trial.config[0] + 1.0 / epoch;
  return trial.id.value % 5 == 2 && epoch == 2 ? search::not_a_number : value;
}

double finite_curve(const Trial& trial, std::int32_t epoch) { return trial.config[0] + 1.0 / epoch; }

class SchedulerContract : public testing::TestWithParam<Form> {
 protected:
  static StudyFacts facts() {
    StudyFacts facts{27, 60, 3, {}};
    Problems problems;
    facts.space =
        space::Space::parse(std::vector<space::Definition>{{"rate", "uniform(0, 1)", {}}}, {}, problems);
    return facts;
  }
  std::unique_ptr<Scheduler> scheduler() const { return make_scheduler(GetParam().options, facts()); }
  std::int32_t most_epochs() const {
    return GetParam().options.max_epochs > 0 ? GetParam().options.max_epochs : facts().epochs;
  }
};

TEST_P(SchedulerContract, LosesNoTrialAndKeepsTheBudget) {
  const auto policy = scheduler();
  FakeStudy study(*policy, {}, finite_curve);

  study.run();

  std::int32_t longest = 0;
  ASSERT_EQ(study.history().trials().size(), 60u);
  for (const Trial& trial : study.history().trials()) {
    EXPECT_TRUE(is_final(trial.state) || trial.state == TrialState::Paused) << trial.id.value;
    EXPECT_GE(trial.epochs, GetParam().options.grace_period);
    longest = std::max(longest, trial.epochs);
  }
  const std::int32_t expected =
      GetParam().name == "pasha" ? 3 : most_epochs();  // these curves never change places
  EXPECT_EQ(longest, expected) << "somebody trains as long as can be, and nobody longer";
}

TEST_P(SchedulerContract, RunsEveryEpochOfATrialOnce) {
  const auto policy = scheduler();
  FakeStudy study(*policy, {}, finite_curve);

  study.run();

  std::vector<std::int32_t> epochs(60, 0);
  for (const search::CurvePoint& report : study.history().reports())
    EXPECT_EQ(report.epoch, ++epochs[static_cast<std::size_t>(report.trial.value)]);
}

TEST_P(SchedulerContract, GoesOnWhenTrialsFail) {
  const auto policy = scheduler();
  FakeStudy::Setting setting;
  setting.fails = [](TrialId trial, std::int32_t epoch) {
    return trial.value % 4 == 1 && epoch == 1 + trial.value % 3;
  };
  FakeStudy study(*policy, setting, finite_curve);

  study.run();

  EXPECT_EQ(study.history().trials().size(), 60u);
  EXPECT_GE(study.history().count(TrialState::Failed), 5u);
  EXPECT_EQ(study.history().count(TrialState::Running), 0u);
}

TEST_P(SchedulerContract, NeverGoesOnWithATrialThatIsNoNumber) {
  const auto policy = scheduler();
  FakeStudy study(*policy, {}, curve);

  study.run();  // checks each start

  EXPECT_EQ(study.history().trials().size(), 60u);
}

TEST_P(SchedulerContract, DecidesTheSameForTheSameHistory) {
  const auto first = scheduler(), second = scheduler();
  FakeStudy once(*first, {}, curve), again(*second, {}, curve);

  once.run();
  again.run();

  EXPECT_EQ(once.decisions(), again.decisions());
}

TEST_P(SchedulerContract, NeedsNothingButTheHistoryToGoOn) {
  const auto used = scheduler();
  FakeStudy study(*used, {}, curve);
  int turn = 0;
  study.before_choice = [&](bool more) {
    if (++turn % 7 > 0) return;
    const auto fresh = scheduler();
    const Job expected = used->choose_trial_to_run(study.history(), more);
    const Job job = fresh->choose_trial_to_run(study.history(), more);
    EXPECT_EQ(job.kind, expected.kind);
    EXPECT_EQ(job.trial, expected.trial);
    for (const TrialId id : study.history().unfinished())
      EXPECT_EQ(fresh->until_epoch(study.history(), study.history()[id]),
                used->until_epoch(study.history(), study.history()[id]));
  };

  study.run();

  EXPECT_GT(turn, 60);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerContract, testing::ValuesIn(all_forms()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace regatta::schedule
