// Schedulers on recorded learning curves, at equal virtual time, beside random search and the figures of
// other tuners.

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include "benchmark.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/course.hpp"
#include "regatta/run/simulator.hpp"
#include "regatta/train/curve_table.hpp"
#include "trained_tables.hpp"

using namespace regatta;

namespace {

/// What is compared: a searcher and a scheduler.
struct Method {
  std::string name;
  std::string searcher;
  schedule::SchedulerOptions scheduler;
  std::int32_t trials = 0;  ///< per worker: the population of pbt; 0: as many as there is time for
};

constexpr std::int32_t trainings = 20;  ///< full ones per worker in the budget, of median length

std::vector<Method> all_methods() {
  return {{"random", "random", {.algorithm = "fifo"}},
          {"tpe", "tpe", {.algorithm = "fifo"}},
          {"asha", "random", {.algorithm = "asha"}},
          {"asha-promotion", "random", {.algorithm = "asha", .promotion = true}},
          {"hyperband", "random", {.algorithm = "hyperband"}},
          {"hyperband-async", "random", {.algorithm = "hyperband", .asynchronous = true}},
          {"pasha", "random", {.algorithm = "pasha"}},
          {"median", "random", {.algorithm = "median"}},
          {"pbt", "random", {.algorithm = "pbt"}, trainings},
          {"pb2", "random", {.algorithm = "pb2"}, trainings},
          {"bohb", "bohb", {.algorithm = "hyperband"}},
          {"tpe-asha", "tpe", {.algorithm = "asha"}},
          {"tpe-hyperband", "tpe", {.algorithm = "hyperband", .asynchronous = true}},
          {"bo-asha", "bo", {.algorithm = "asha"}},
          {"bo-promotion", "bo", {.algorithm = "asha", .promotion = true}},
          {"bo-hyperband", "bo", {.algorithm = "hyperband", .asynchronous = true}},
          {"mobster", "mobster", {.algorithm = "asha"}},
          {"mobster-promotion", "mobster", {.algorithm = "asha", .promotion = true}},
          {"mobster-hyperband", "mobster", {.algorithm = "hyperband", .asynchronous = true}}};
}

/// What takes minutes on all tables; the others learn, which takes hours.
const std::string cheap_methods = "random,asha,asha-promotion,hyperband,hyperband-async,pasha,median,pbt";

/// A table, and the final medians of other tuners on it with 8 workers and the same budget: Syne Tune 0.15,
/// 10 seeds (TPE and BORE: 5).
struct Case {
  std::string name;
  std::optional<benchmark::TrainedTable> table;
  double peer_asha, rounded;  ///< their ASHA, the median of 10 seeds, and by how much that may be rounded
  std::string peers;
};

std::vector<Case> all_cases(const benchmark::TrainedTables& tables) {
  return {{"lcbench-167168", tables.lcbench("167168"), 78.99, 0.005,
           "ASHA 78.99, HyperBand 82.88, random 82.48, TPE 83.69, BORE 86.78"},
          {"lcbench-189906", tables.lcbench("189906"), 89.34, 0.005,
           "ASHA 89.34, HyperBand 89.67, random 88.02, TPE 90.51"},
          {"taskset-lstm", tables.taskset("patch128_LSTM128_bs64"), 0.394, 0.0005,
           "ASHA 0.394, HyperBand 0.409, random 0.400"},
          {"taskset-gru", tables.taskset("patch32_GRU128_bs128"), 0.417, 0.0005,
           "ASHA 0.417, HyperBand 0.420, random 0.488"}};
}

/// Of each worker [s].
double budget_of(const std::filesystem::path& file) {
  const train::CurveTable table = train::read_curve_table(file);
  std::vector<double> full;
  for (std::size_t row = 0; row < table.rows && !table.seconds.empty(); ++row)
    full.push_back(table.seconds[(row + 1) * table.epochs - 1]);
  return trainings * (full.empty() ? static_cast<double>(table.epochs) : benchmark::median(full));
}

run::StudyPlan plan_of(const benchmark::TrainedTable& table, const Method& method, std::int32_t workers,
                       std::uint64_t seed) {
  run::StudyPlan plan;
  plan.objective.type = "table";
  plan.objective.values = {{"table", table.file.string()}, {"match", "nearest"}};
  plan.objective.maximize = plan.controller.maximize = table.maximize;
  plan.objective.metric = table.metric;
  Problems problems;
  plan.space = space::Space::parse(objective::default_space(plan.objective), {}, problems);
  plan.searcher.algorithm = method.searcher;
  plan.searcher.listed = objective::make_objective(plan.objective, plan.space)->listed();
  plan.searcher.seed = plan.controller.seed = seed;
  plan.scheduler = method.scheduler;
  plan.controller.trials = method.trials * workers;
  plan.controller.prefetch = 0;
  return plan;
}

report::Course course_of(const run::StudyPlan& plan, std::int32_t workers, double budget) {
  report::Course course(plan.controller.maximize);
  run::simulate(plan,
                {.workers = workers, .walltime = budget, .log = [&](std::span<const search::Event> events) {
                   for (const search::Event& event : events) course.take(event);
                 }});
  return course;
}

/// When the median is as good as `value` for the first time, as a part of the budget; infinite: never.
double time_to(const report::Setting& setting, double value, double budget, bool maximize) {
  constexpr int steps = 1000;
  for (int step = 1; step <= steps; ++step) {
    const double median = setting.quantile(budget * step / steps, 0.5);
    if (maximize ? median >= value : median <= value) return static_cast<double>(step) / steps;
  }
  return HUGE_VAL;
}

/// Seeds that end worse than the median of the peers' ASHA.
int worse_than_peers(const report::Setting& setting, const Case& subject, double end) {
  return static_cast<int>(std::ranges::count_if(setting.courses, [&](const report::Course& course) {
    const double value = course.at(end);
    return subject.table->maximize ? !(value >= subject.peer_asha - subject.rounded)
                                   : !(value <= subject.peer_asha + subject.rounded);
  }));
}

/// How many of so many seeds may be worse by chance, if a seed is as likely better as worse: a one-sided sign
/// test at 5 %.
int worse_by_chance(int seeds) {
  double chance = std::pow(0.5, seeds), tail = 0;  // of `worse`, and of that many or more
  int worse = seeds;
  for (; worse > 0 && tail + chance <= 0.05; --worse) {
    tail += chance;
    chance *= static_cast<double>(worse) / (seeds - worse + 1);
  }
  return worse;
}

std::vector<Method> chosen_methods(const benchmark::Arguments& arguments) {
  std::vector<std::string> names;
  for (const Method& method : all_methods()) names.push_back(method.name);
  const std::vector<std::string> wanted = arguments.words("--method", names);
  std::vector<Method> methods;
  for (const Method& method : all_methods())
    if (std::ranges::find(wanted, method.name) != wanted.end()) methods.push_back(method);
  return methods;
}

/// When each method reached the final value of the first one, by table.
using Times = std::map<std::string, std::vector<double>>;

void compare(const Case& subject, int workers, const benchmark::Arguments& arguments,
             benchmark::Report& report, Times& times) {
  const int seeds = arguments.count("--seeds");
  const double budget = budget_of(subject.table->file), share = arguments.count("--percent") / 100.0;
  std::vector<report::Setting> settings;
  for (const Method& method : chosen_methods(arguments)) {
    settings.push_back({method.name, {}});
    const double end = settings.size() == 1 ? budget : share * budget;
    for (int seed = 1; seed <= seeds; ++seed)
      settings.back().courses.push_back(course_of(
          plan_of(*subject.table, method, workers, static_cast<std::uint64_t>(seed)), workers, end));
    const double reached =
        time_to(settings.back(), settings.front().quantile(budget, 0.5), budget, subject.table->maximize);
    report.add({concat(subject.name, ", ", workers, " workers, ", method.name,
                       ": time to the final value of ", settings.front().name),
                {reached},
                "of the budget",
                "",
                ""});
    times[method.name].push_back(reached);
    if (end < budget || settings.size() == 1) continue;
    report.add(
        {concat(subject.name, ", ", workers, " workers, ", method.name, ": seeds worse than the peers' ASHA"),
         {static_cast<double>(worse_than_peers(settings.back(), subject, end))},
         concat("of ", seeds),
         workers == 8 ? concat("<= ", worse_by_chance(seeds)) : "",
         ""});
  }
  std::cout << subject.name << ", " << workers << " workers, " << seeds
            << " seeds; others with 8 workers: " << subject.peers << "\n"
            << report::comparison_text(settings, budget) << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const benchmark::Arguments arguments(argc, argv,
                                       {{"--json", "", "FILE"},
                                        {"--repeat", "1", "N"},
                                        {"--seeds", "20", "N"},
                                        {"--workers", "8", "4,8,32"},
                                        {"--percent", "100", "OF THE BUDGET"},
                                        {"--table", "all", "NAME,..."},
                                        {"--method", cheap_methods, "NAME,..."}});
  benchmark::Report report("schedule", arguments);
  const benchmark::TrainedTables tables;
  const std::vector<Case> cases = all_cases(tables);
  std::vector<std::string> names;
  for (const Case& each : cases) names.push_back(each.name);
  const std::vector<std::string> wanted = arguments.words("--table", names);
  for (const std::string& workers : arguments.words("--workers", {"4", "8", "32"})) {
    Times times;
    for (const Case& each : cases)
      if (each.table && std::ranges::find(wanted, each.name) != wanted.end())
        compare(each, std::stoi(workers), arguments, report, times);
    for (const auto& [method, reached] : times)
      report.add({concat("all tables, ", workers, " workers, ", method, ": median of these times"),
                  {benchmark::median(reached)},
                  "of the budget",
                  workers == "8" && method.starts_with("mobster") ? "<= 0.25" : "",
                  ""});
  }
  report.finish();
}
