// What the tree of `ais` costs: CPU time of one thread. 20 parameters.

#include <algorithm>
#include <cmath>
#include <deque>
#include <iostream>

#include "benchmark.hpp"
#include "regatta/core/text.hpp"
#include "regatta/search/searcher.hpp"
#include "region_tree.hpp"

using namespace regatta;

namespace {

constexpr std::size_t dimensions = 20, many_results = 100'000, last_results = 1000, running_trials = 1000;
constexpr std::size_t known_results = 1000, pending_trials = 64, proposals = 200;

template <class Call>
double milliseconds(const Call& call) {
  const double before = benchmark::thread_cpu_seconds();
  call();
  return 1e3 * (benchmark::thread_cpu_seconds() - before);
}

space::Space cube() {
  std::vector<space::Definition> definitions;
  for (std::size_t i = 0; i < dimensions; ++i) definitions.push_back({concat("p", i), "uniform(0, 1)", {}});
  Problems problems;
  return space::Space::parse(definitions, {}, problems);
}

/// A bowl with waves along its first axis.
double loss(const space::Config& x) {
  double sum = 0.1 * std::sin(30 * x[0]);
  for (const double each : x) sum += (each - 0.3) * (each - 0.3);
  return sum;
}

space::Config random_point(Random& random) {
  space::Config point(dimensions);
  for (double& x : point) x = random.uniform();
  return point;
}

space::Config inside(const search::Region& box, Random& random) {
  space::Config point(dimensions);
  for (std::size_t k = 0; k < dimensions; ++k)
    point[k] = box.low[k] + random.uniform() * (box.high[k] - box.low[k]);
  return point;
}

void add(benchmark::Report& report, const std::string& name, const std::vector<double>& values,
         double fraction, const std::string& target, const std::string& note) {
  report.add({name, {benchmark::quantile(values, fraction)}, "ms", target, note});
}

/// Results all over the space, then selections while more and more trials run.
void time_tree(benchmark::Report& report) {
  search::RegionTree tree(cube(), {});
  Random random(1);
  std::vector<double> each, selections;
  for (std::size_t i = 0; i < many_results; ++i) {
    const space::Config point = random_point(random);
    each.push_back(milliseconds([&] { tree.add(point, loss(point)); }));
  }
  double mean = 0;
  for (const double time : each) mean += time / static_cast<double>(many_results);
  report.add({"a result, mean of 100,000", {mean}, "ms", "", concat(tree.leaves(), " leaves at last")});
  add(report, "a result, median of the last 1,000", {each.end() - last_results, each.end()}, 0.5, "", "");
  for (std::size_t i = 0; i < running_trials; ++i) {
    std::size_t leaf = 0;
    selections.push_back(milliseconds([&] { leaf = tree.select(); }));
    tree.begin(inside(tree.nodes()[leaf].part.box(0), random));
  }
  add(report, "selection, p99 of 1,000 concurrent ones", selections, 0.99, "<= 1", "100,000 results");
}

/// Proposals in a study of 1,000 results and 64 running trials; before each one of those ends.
void time_proposals(benchmark::Report& report) {
  const auto searcher = search::make_searcher({.algorithm = "ais", .seed = 1}, cube());
  search::History history;
  std::deque<TrialId> running;
  const auto begin = [&](space::Config point) {
    const TrialId id{static_cast<std::int32_t>(history.trials().size())};
    search::TrialCreated created;
    created.trial = id;
    created.config = std::move(point);
    history.record(created);
    running.push_back(id);
  };
  const auto end = [&] {
    search::TrialEnded ended;
    ended.trial = running.front();
    ended.objective = loss(history[ended.trial].config);
    running.pop_front();
    history.record(ended);
  };
  Random random(2);
  for (std::size_t i = 0; i < known_results + pending_trials; ++i) begin(random_point(random));
  for (std::size_t i = 0; i < known_results; ++i) end();
  std::vector<double> times;
  for (std::size_t i = 0; i < proposals; ++i) {
    end();
    const TrialId next{static_cast<std::int32_t>(history.trials().size())};
    std::optional<space::Config> config;
    times.push_back(milliseconds([&] { config = searcher->propose(history, next, {}); }));
    begin(std::move(*config));
  }
  times.erase(times.begin());  // takes all results
  double mean = 0;
  for (const double time : times) mean += time / static_cast<double>(times.size());
  add(report, "proposal, 1,000 results, 64 pending, p50", times, 0.5, "<= 5", "");
  report.add({"proposal, 1,000 results, 64 pending, mean", {mean}, "ms", "", "refits among them"});
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Report report("tree", argc, argv, 1);
  time_tree(report);
  time_proposals(report);
  report.finish();
}
