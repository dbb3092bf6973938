#include "search_runs.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <limits>
#include <mutex>

#include "benchmark.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/run/simulator.hpp"

namespace regatta::benchmark {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

run::StudyPlan plan_of(const Case& problem, const Contender& contender, std::uint64_t seed) {
  run::StudyPlan plan;
  plan.objective = problem.objective;
  if (problem.shifted) plan.objective.values["shift"] = concat(seed);
  Problems problems;
  plan.space = space::Space::parse(objective::default_space(plan.objective), {}, problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  plan.searcher = contender.options;
  plan.searcher.seed = seed;
  if (problem.initial > 0) plan.searcher.bayesian.initial_trials = problem.initial;
  plan.controller.trials = problem.trials;
  plan.controller.seed = seed;
  plan.controller.maximize = problem.objective.maximize;
  plan.controller.prefetch = 0;
  plan.controller.batch = problem.synchronous ? problem.pending : 1;
  return plan;
}

/// Each piece of work is one seed of one cell. Threads take them in order.
class Work {
 public:
  Work(std::vector<Cell>& cells, const Effort& effort)
      : cells_(cells), first_seed_(static_cast<std::size_t>(effort.first_seed)) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      cells[i].outcomes.resize(
          static_cast<std::size_t>(std::min(effort.seeds, cells[i].problem->most_seeds)));
      left_.push_back(cells[i].outcomes.size());
      for (std::size_t seed = 0; seed < cells[i].outcomes.size(); ++seed) pieces_.push_back({i, seed});
    }
  }

  void run() {
    try {
      take_pieces();
    } catch (...) {
      next_ = pieces_.size();  // the other threads stop, too
      throw;
    }
  }

 private:
  struct Piece {
    std::size_t cell = 0, seed = 0;
  };

  void take_pieces() {
    for (std::size_t next = next_++; next < pieces_.size(); next = next_++) {
      const auto [cell, seed] = pieces_[next];
      cells_[cell].outcomes[seed] = run_case(*cells_[cell].problem, *cells_[cell].contender, first_seed_ + seed);
      tell(cell);
    }
  }

  /// A line for each cell that is complete.
  void tell(std::size_t index) {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (--left_[index] > 0) return;
    const Cell& cell = cells_[index];
    double seconds = 0;
    for (const Outcome& outcome : cell.outcomes) seconds += outcome.seconds;
    std::cerr << done_ << '/' << pieces_.size() << " runs, " << format_duration(clock_.seconds()) << ": "
              << cell.problem->title() << ", " << cell.contender->name << ": median "
              << format_short(median(cell.after(cell.problem->marks.back())), 3) << ", "
              << format_duration(seconds / static_cast<double>(cell.outcomes.size())) << " of CPU per seed"
              << std::endl;
  }

  std::vector<Cell>& cells_;
  std::size_t first_seed_;
  std::vector<Piece> pieces_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::size_t done_ = 0;
  std::vector<std::size_t> left_;  ///< seeds, by cell
  Stopwatch clock_;
};

}  // namespace

Outcome run_case(const Case& problem, const Contender& contender, std::uint64_t seed) {
  const double before = thread_cpu_seconds();
  const run::SimulationResult result = run::simulate(plan_of(problem, contender, seed),
                                                     {.workers = static_cast<std::int32_t>(problem.pending)});
  Outcome outcome;
  outcome.found = infinity;
  outcome.proposal_seconds = result.mean_proposal_seconds;
  double best = infinity;
  for (const TrialId id : result.history.finished()) {
    const double value = result.history[id].objective;
    if (std::isfinite(value)) best = std::min(best, problem.measured(value));
    outcome.best.push_back(best);
    if (value == problem.optimum)
      outcome.found = std::min(outcome.found, static_cast<double>(outcome.best.size()));
  }
  outcome.seconds = thread_cpu_seconds() - before;
  return outcome;
}

std::vector<double> Cell::after(int evaluations) const {
  std::vector<double> values;
  for (const Outcome& outcome : outcomes) {
    const std::size_t count = std::min(static_cast<std::size_t>(evaluations), outcome.best.size());
    values.push_back(count == 0 ? infinity : outcome.best[count - 1]);
  }
  return values;
}

std::vector<double> Cell::found() const {
  std::vector<double> values;
  for (const Outcome& outcome : outcomes) values.push_back(outcome.found);
  return values;
}

double Cell::proposal_seconds() const {
  std::vector<double> seconds;
  for (const Outcome& outcome : outcomes) seconds.push_back(outcome.proposal_seconds);
  return median(std::move(seconds));
}

std::vector<Cell> run_cases(const std::vector<Case>& cases, const std::vector<Contender>& contenders,
                            const Effort& effort) {
  std::vector<Cell> cells;
  for (const Case& problem : cases)
    for (const Contender& contender : contenders) cells.push_back({&problem, &contender, {}});
  Work work(cells, effort);
  std::vector<std::future<void>> threads;
  for (int i = 0; i < effort.threads; ++i)
    threads.push_back(std::async(std::launch::async, [&] { work.run(); }));
  for (auto& thread : threads) thread.wait();
  for (auto& thread : threads) thread.get();
  return cells;
}

}  // namespace regatta::benchmark
