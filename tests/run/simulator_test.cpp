#include "regatta/run/simulator.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/train/curve_table.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::run {
namespace {

using search::Trial;
using search::TrialState;

/// A study of a test function in its own space.
StudyPlan plan_of(std::int64_t trials, std::map<std::string, std::string> options) {
  StudyPlan plan;
  plan.objective.type = "function";
  plan.objective.values = std::move(options);
  Problems problems;
  plan.space = space::Space::parse(objective::default_space(plan.objective), {}, problems);
  plan.searcher.seed = plan.controller.seed = 7;
  plan.controller.trials = trials;
  plan.controller.prefetch = 0;
  return plan;
}

struct Recorded {
  SimulationResult result;
  std::vector<search::Event> events;

  template <class Kind>
  std::vector<Kind> all() const {
    std::vector<Kind> found;
    for (const search::Event& event : events)
      if (const auto* kind = std::get_if<Kind>(&event)) found.push_back(*kind);
    return found;
  }
};

Recorded record(const StudyPlan& plan, SimulationOptions options) {
  Recorded recorded;
  options.log = [&](std::span<const search::Event> events) {
    recorded.events.insert(recorded.events.end(), events.begin(), events.end());
  };
  recorded.result = simulate(plan, options);
  return recorded;
}

TEST(Simulator, BringsReportsInTheOrderOfVirtualTime) {
  const Recorded run = record(plan_of(50, {{"sleep", "uniform(1, 3)"}, {"epochs", "4"}}), {.workers = 6});

  const auto reports = run.all<search::TrialReported>();
  ASSERT_EQ(reports.size(), 200u);
  EXPECT_TRUE(std::ranges::is_sorted(reports, {}, &search::TrialReported::time));
  for (const Trial& trial : run.result.history.trials()) {
    EXPECT_EQ(trial.state, TrialState::Completed);
    EXPECT_NEAR(trial.t_end - trial.t_start, trial.seconds, 1e-12);
    EXPECT_TRUE(1 <= trial.seconds && trial.seconds <= 3.0000001);
  }
  EXPECT_GT(run.result.utilisation, 0.8);
  EXPECT_EQ(run.all<search::WorkerJoined>().size(), 6u);
}

/// Trials of 1, 2 and 4 workers, a third of each.
class Widths : public testing::TestWithParam<const char*> {
 protected:
  static std::int32_t width(const search::Config& config) { return config[0] < 0 ? 1 : config[0] < 5 ? 2 : 4; }
  /// How many trials that came later have started before this one.
  static std::ptrdiff_t overtaken(const std::vector<search::TrialStarted>& starts, std::size_t place) {
    return std::count_if(starts.begin(), starts.begin() + static_cast<std::ptrdiff_t>(place),
                         [&](const search::TrialStarted& each) { return each.trial > starts[place].trial; });
  }
};

TEST_P(Widths, ShareWorkersWithoutIdlenessOrStarvation) {
  constexpr std::int32_t workers = 8;
  StudyPlan plan = plan_of(900, {{"sleep", GetParam()}});
  plan.controller.width = width;

  const Recorded run = record(plan, {.workers = workers});

  EXPECT_GE(run.result.utilisation, 0.95) << GetParam();
  const auto starts = run.all<search::TrialStarted>();
  ASSERT_EQ(starts.size(), 900u);
  for (std::size_t i = 0; i < starts.size(); ++i) EXPECT_LE(overtaken(starts, i), 4 * workers) << i;
  std::multimap<double, std::int32_t> changes;  // ends before starts of the same moment
  for (const Trial& trial : run.result.history.trials()) {
    changes.emplace(trial.t_end, -width(trial.config));
    changes.emplace(trial.t_start + 1e-9, width(trial.config));
  }
  std::int32_t busy = 0;
  for (const auto& [time, change] : changes) EXPECT_LE(busy += change, workers) << time;
}

INSTANTIATE_TEST_SUITE_P(Simulator, Widths, testing::Values("2", "uniform(1, 3)", "exponential(2)", "lognormal(0, 1)"));

TEST(Simulator, BreaksTiesByTheNumberOfTheWorker) {
  const Recorded run = record(plan_of(12, {{"sleep", "2"}}), {.workers = 3});

  std::vector<std::int32_t> order;
  for (const auto& end : run.all<search::TrialEnded>())
    order.push_back(run.result.history[end.trial].worker.value);
  EXPECT_EQ(order, (std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}));
}

TEST(Simulator, KeepsAllWorkersBusyWithTrialsOfEqualLength) {
  const SimulationResult result = simulate(plan_of(40, {{"sleep", "2"}}), {.workers = 4});

  EXPECT_EQ(result.utilisation, 1);
  EXPECT_EQ(result.seconds, 20);
  EXPECT_EQ(result.reason, "budget spent");
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.proposals, 40u);
}

TEST(Simulator, GivesTheSameHistoryForTheSamePlan) {
  const StudyPlan plan = plan_of(100, {{"sleep", "exponential(1)"}, {"noise", "1"}, {"fail_rate", "0.1"}});

  const auto first = simulate(plan, {.workers = 7}).history, second = simulate(plan, {.workers = 7}).history;

  for (std::size_t i = 0; i < first.trials().size(); ++i) {
    const Trial &a = first.trials()[i], &b = second.trials()[i];
    EXPECT_EQ(a.config, b.config);
    EXPECT_EQ(a.state, b.state);
    EXPECT_EQ(a.t_end, b.t_end);
    EXPECT_TRUE(a.objective == b.objective || (std::isnan(a.objective) && std::isnan(b.objective)));
  }
  EXPECT_GT(first.count(TrialState::Failed), 0u);
}

TEST(Simulator, WaitsForAWholeBatchBeforeTheNext) {
  StudyPlan plan = plan_of(32, {{"sleep", "uniform(1, 2)"}});
  plan.controller.batch = 8;

  const SimulationResult result = simulate(plan, {.workers = 8});

  const auto& trials = result.history.trials();
  for (std::size_t first = 8; first < trials.size(); first += 8) {
    double done = 0;
    for (std::size_t i = first - 8; i < first; ++i) done = std::max(done, trials[i].t_end);
    for (std::size_t i = first; i < first + 8; ++i) EXPECT_EQ(trials[i].t_start, done);
  }
  EXPECT_LT(result.utilisation, 0.95);
}

TEST(Simulator, ProposesWithAllResultsKnown) {
  const SimulationResult result = simulate(plan_of(9, {{"sleep", "1"}}), {.workers = 3});

  const auto seen = [&](int trial) { return result.history[TrialId{trial}].events_seen; };
  constexpr std::uint64_t introductions = 4, per_batch = 3 * 4;  // created, started, reported, ended
  EXPECT_EQ(seen(0), introductions);
  EXPECT_EQ(seen(3), introductions + per_batch);
  EXPECT_EQ(seen(6), introductions + 2 * per_batch);
}

TEST(Simulator, CountsASecondPerEpochOfWhichNothingIsKnown) {
  EXPECT_EQ(simulate(plan_of(2, {{"epochs", "5"}}), {.workers = 1}).seconds, 10);
  EXPECT_EQ(simulate(plan_of(2, {{"epochs", "5"}}), {.workers = 1, .epoch_seconds = 0.5}).seconds, 5);
}

TEST(Simulator, CallsRunningTrialsInWhenTheWallTimeIsOver) {
  const SimulationResult result = simulate(plan_of(0, {{"sleep", "2"}}), {.workers = 3, .walltime = 7});

  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.reason, "wall time");
  EXPECT_EQ(result.seconds, 7);
  EXPECT_EQ(result.history.count(TrialState::Completed), 9u);
  EXPECT_EQ(result.history.count(TrialState::Queued), 3u);
}

TEST(Simulator, LetsMessagesTakeTheirTime) {
  const SimulationResult result = simulate(plan_of(2, {{"sleep", "2"}}), {.workers = 1, .latency = 0.5});

  EXPECT_DOUBLE_EQ(result.seconds, 6);  // twice there, two seconds, and back
  EXPECT_DOUBLE_EQ(result.utilisation, 4.0 / 6);
}

TEST(Simulator, DrawsASpeedForEachWorker) {
  const SimulationResult result =
      simulate(plan_of(40, {{"sleep", "1"}}), {.workers = 20, .speed_spread = 0.3});

  std::set<double> lengths;
  for (const Trial& trial : result.history.trials()) lengths.insert(std::round(1e6 * trial.seconds));
  EXPECT_GE(lengths.size(), 15u);
}

TEST(Simulator, EndsAtTheWallTimeWithAControllerThatTakesTime) {
  const SimulationResult result =
      simulate(plan_of(0, {{"sleep", "2"}}), {.workers = 3, .walltime = 7, .charge_controller = true});

  EXPECT_TRUE(result.interrupted);
  EXPECT_GE(result.seconds, 7);
  EXPECT_GT(result.controller_seconds, 0);
  EXPECT_EQ(result.history.count(TrialState::Running), 0u);
}

TEST(Simulator, PromotesPausedTrials) {
  StudyPlan plan = plan_of(27, {{"sleep", "9"}, {"epochs", "9"}});
  plan.scheduler.algorithm = "sh";

  const Recorded run = record(plan, {.workers = 4});

  std::multiset<std::int32_t> epochs;
  for (const Trial& trial : run.result.history.trials()) epochs.insert(trial.epochs);
  EXPECT_EQ(epochs.count(1), 18u);
  EXPECT_EQ(epochs.count(3), 6u);
  EXPECT_EQ(epochs.count(9), 3u);
  EXPECT_EQ(run.all<search::TrialReported>().size(), 18u + 6 * 3 + 3 * 9);
}

TEST(Simulator, GoesOnWhenEveryTrialIsRefused) {
  const Recorded run =
      record(plan_of(5, {{"fault", "invalid"}, {"fault_trial", "2"}, {"sleep", "1"}}), {.workers = 1});

  EXPECT_EQ(run.result.history[TrialId{2}].reason, search::Reason::Invalid);
  EXPECT_NEAR(run.result.seconds, 4, 0.01);
}

TEST(Simulator, LetsTrialsWaitAtTheirWorker) {
  StudyPlan plan = plan_of(20, {{"sleep", "1"}});
  plan.controller.prefetch = 2;

  const SimulationResult result = simulate(plan, {.workers = 2});

  EXPECT_EQ(result.seconds, 10);
  EXPECT_EQ(result.history.count(TrialState::Completed), 20u);
}

TEST(Simulator, TakesTheTimesOfATable) {
  train::CurveTable table;
  table.columns = {{"x", "ordinal(1, 2)", {0, 1}}};
  table.rows = 2;
  table.epochs = 2;
  table.objective = {5, 4, 3, 2};
  table.seconds = {1, 4, 10, 30};
  const support::TemporaryFolder folder;
  train::write_curve_table(folder / "t.h5", table);
  StudyPlan plan;
  plan.objective.type = "table";
  plan.objective.values["table"] = (folder / "t.h5").string();
  Problems problems;
  plan.space = space::Space::parse(objective::default_space(plan.objective), {}, problems);
  plan.controller.trials = 2;

  const Recorded run = record(plan, {.workers = 1});

  EXPECT_EQ(run.result.seconds, 34);
  EXPECT_EQ(run.result.history[run.result.history.incumbent().value()].seconds, 30);
  const auto reports = run.all<search::TrialReported>();
  std::set<double> lengths;
  for (const auto& report : reports) lengths.insert(report.time - run.result.history[report.trial].t_start);
  EXPECT_EQ(lengths, (std::set<double>{1, 4, 10, 30}));
}

TEST(Simulator, KeepsTheEpochsOfATrialThatIsCalledIn) {
  const SimulationResult result =
      simulate(plan_of(4, {{"sleep", "10"}, {"epochs", "10"}}), {.workers = 4, .walltime = 4.5});

  for (const Trial& trial : result.history.trials()) {
    EXPECT_EQ(trial.epochs, 4);
    EXPECT_EQ(trial.state, TrialState::Queued);
  }
}

TEST(Simulator, RefusesWhatReallyTrainsAndWhatHasNoEnd) {
  StudyPlan network;
  network.objective.type = "network";
  network.objective.folder = REGATTA_SOURCE_DIR "/inputs";
  network.objective.values["data"] = "data/iris.h5";
  network.objective.values["folds"] = "2";
  network.objective.metric = "val_accuracy";
  network.objective.maximize = true;

  EXPECT_EQ(
      support::message_of<InvalidInput>([&] { simulate(network, {}); }),
      "an objective of type 'network' really trains and cannot be simulated; types function and table can");
  EXPECT_EQ(support::message_of<InvalidInput>([&] { simulate(plan_of(0, {}), {}); }),
            "a simulation needs an end: study.trials or study.walltime");
  StudyPlan wide = plan_of(2, {});
  wide.controller.width = [](const search::Config&) { return 2; };
  EXPECT_THROW(simulate(wide, {.workers = 2, .failure_seconds = 5}), InvalidInput);
}

/// ln of the best value of each of several studies of `ais` that differ by their seeds.
std::vector<double> regrets(const std::string& function, int controllers, std::size_t& domains) {
  std::vector<double> regrets;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    StudyPlan plan = plan_of(80, {{"function", function}, {"dimensions", "4"}, {"sleep", "uniform(1, 2)"}});
    plan.searcher.algorithm = "ais";
    plan.searcher.seed = plan.controller.seed = seed;
    plan.searcher.tree = {.split = 12, .controllers = controllers};
    const SimulationResult result = simulate(plan, {.workers = 8});
    regrets.push_back(std::log(result.history[*result.history.incumbent()].objective));
    domains += result.domains + result.handed_over;
    EXPECT_GT(result.utilisation, 0.85) << "proposals take no virtual time";
  }
  return regrets;
}

/// Of two samples without ties, by the rank sum of Mann and Whitney: its distance from the mean in standard
/// deviations.
double rank_sum_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double wins = 0;
  for (const double x : a)
    wins += static_cast<double>(std::ranges::count_if(b, [x](double y) { return y < x; }));
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  return std::abs(wins - n * m / 2) / std::sqrt(n * m * (n + m + 1) / 12);
}

/// At the level of 0.01, two-sided. With six seeds each it notices when nearly all divided studies are worse
/// than all others.
TEST(Simulator, FindsTheSameWithATreeThatIsDivided) {
  for (const char* function : {"levy", "rosenbrock"}) {
    std::size_t whole = 0, halves = 0, quarters = 0;
    const std::vector<double> alone = regrets(function, 1, whole);

    EXPECT_LT(rank_sum_distance(regrets(function, 2, halves), alone), 2.576) << function;
    EXPECT_LT(rank_sum_distance(regrets(function, 4, quarters), alone), 2.576) << function;

    EXPECT_EQ(whole, 6u) << "one domain each, none handed over";
    EXPECT_GE(halves, 6u * 3) << "two domains or more, one of them handed over, on average";
    EXPECT_GE(quarters, 6u * 3);
  }
}

TEST(Simulator, GivesTheSameHistoryForTheSamePlanWithSubControllers) {
  StudyPlan plan =
      plan_of(100, {{"function", "levy"}, {"epochs", "9"}, {"sleep", "9"}, {"fail_rate", "0.05"}});
  plan.searcher.algorithm = "ais";
  plan.searcher.tree = {.split = 10, .controllers = 3};
  plan.scheduler = {.algorithm = "asha", .promotion = true};

  const SimulationResult first = simulate(plan, {.workers = 6}), second = simulate(plan, {.workers = 6});

  ASSERT_EQ(first.history.trials().size(), second.history.trials().size());
  for (std::size_t i = 0; i < first.history.trials().size(); ++i)
    EXPECT_TRUE(search::same_config(first.history.trials()[i].config, second.history.trials()[i].config))
        << i;
  EXPECT_EQ(first.history.distinct(), first.history.trials().size());
  EXPECT_GT(first.handed_over, 0u);
}

TEST(Simulator, TakesSecondsForAHundredThousandTrialsOnTenThousandWorkers) {
  const Stopwatch clock;

  const SimulationResult result =
      simulate(plan_of(100'000, {{"sleep", "normal(1, 0.2)"}}), {.workers = 10'000});

  EXPECT_EQ(result.history.count(TrialState::Completed), 100'000u);
  EXPECT_LT(clock.seconds(), 60) << "it takes about a second without sanitizers";
}

TEST(Simulator, RunsEveryTrialAlthoughWorkersFail) {
  StudyPlan plan = plan_of(60, {{"sleep", "9"}, {"epochs", "9"}});
  plan.scheduler = {.algorithm = "asha", .promotion = true};
  const SimulationOptions options{.workers = 5, .failure_seconds = 30, .repair_seconds = 5};

  const Recorded run = record(plan, options);
  const Recorded again = record(plan, options);

  EXPECT_GE(run.result.failures, 3u);
  EXPECT_FALSE(run.all<search::TrialRequeued>().empty());
  EXPECT_EQ(run.result.history.trials().size(), 60u);
  for (const Trial& trial : run.result.history.trials()) EXPECT_TRUE(is_final(trial.state)) << trial.id.value;
  EXPECT_EQ(run.result.seconds, again.result.seconds);
  EXPECT_LE(run.result.utilisation, 1);
}

TEST(Simulator, LeavesEpochsUnreportedWhereWorkersReportSeldom) {
  const StudyPlan plan = plan_of(4, {{"sleep", "20"}, {"epochs", "20"}});

  const Recorded run = record(plan, {.workers = 2, .report_seconds = 5});

  EXPECT_EQ(run.all<search::TrialReported>().size(), 4u * 4);
  for (const Trial& trial : run.result.history.trials()) EXPECT_EQ(trial.epochs, 20);
}

TEST(Simulator, FinishesEarlierWhenFreeWorkersJoinTheLastTrials) {
  StudyPlan plan = plan_of(9, {{"sleep", "uniform(50, 150)"}, {"epochs", "50"}});
  const SimulationOptions options{.workers = 8, .team_efficiency = 0.5};

  const SimulationResult alone = simulate(plan, options);
  plan.controller.elastic = true;
  const Recorded joined = record(plan, options);
  const Recorded again = record(plan, options);

  EXPECT_LT(joined.result.seconds, 0.75 * alone.seconds);
  EXPECT_GT(joined.result.utilisation, 0.9);
  EXPECT_EQ(joined.result.seconds, again.result.seconds);
  std::set<std::size_t> widths;
  for (const auto& note : joined.all<search::Note>())
    if (note.key == search::team_note) widths.insert(note.values.size());
  EXPECT_TRUE(widths.contains(8)) << "the last one has all";
  for (const Trial& trial : joined.result.history.trials()) {
    EXPECT_EQ(trial.state, TrialState::Completed);
    EXPECT_EQ(trial.epochs, 50);
    EXPECT_EQ(trial.objective, alone.history[trial.id].objective);
  }
  EXPECT_EQ(joined.all<search::TrialReported>().size(), 9u * 50) << "no epoch is trained twice";
}

TEST(Simulator, SpendsTheBudgetOfEverySchedulerWithElasticTeams) {
  for (const std::string name : {"asha", "hyperband", "sh", "median", "pasha", "pbt"}) {
    StudyPlan plan = plan_of(27, {{"sleep", "uniform(20, 30)"}, {"epochs", "27"}});
    plan.epochs = 27;
    plan.scheduler.algorithm = name;
    plan.scheduler.promotion = name == "asha";
    plan.controller.elastic = true;

    const Recorded run = record(plan, {.workers = 10, .team_efficiency = 0.8});

    std::set<std::pair<TrialId, std::int32_t>> seen;
    for (const auto& report : run.all<search::TrialReported>())
      EXPECT_TRUE(seen.emplace(report.trial, report.epoch).second)
          << name << ": trial " << report.trial.value;
    for (const Trial& trial : run.result.history.trials()) EXPECT_TRUE(is_final(trial.state)) << name;
    EXPECT_EQ(run.result.history.trials().size(), 27u) << name;
  }
}

TEST(Simulator, FinishesEarlierWhenStragglersMove) {
  StudyPlan plan = plan_of(40, {{"sleep", "100"}, {"epochs", "100"}});
  const SimulationOptions options{.workers = 8, .speed_spread = 1};

  const double left_alone = simulate(plan, options).seconds;
  plan.controller.move_stragglers = true;
  const SimulationResult moved = simulate(plan, options);

  EXPECT_LT(moved.seconds, left_alone);
  EXPECT_EQ(moved.history.count(TrialState::Completed), 40u);
}

}  // namespace
}  // namespace regatta::run
