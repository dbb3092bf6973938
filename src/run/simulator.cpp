#include "regatta/run/simulator.hpp"

#include <algorithm>
#include <cmath>

#include "cpu_time.hpp"
#include "divided_proposals.hpp"
#include "outages.hpp"
#include "regatta/core/error.hpp"
#include "virtual_sub_controllers.hpp"
#include "virtual_workers.hpp"

namespace regatta::run {
namespace {

/// Hands on to a searcher and takes its time.
class TimedSearcher final : public search::Searcher {
 public:
  TimedSearcher(std::unique_ptr<search::Searcher> searcher, SimulationResult& result)
      : searcher_(std::move(searcher)), result_(result) {}

  std::optional<search::Config> propose(const search::History& history, TrialId trial,
                                        const std::vector<search::Config>& avoid) override {
    const double before = cpu_seconds();
    auto config = searcher_->propose(history, trial, avoid);
    const double taken = cpu_seconds() - before;
    seconds_ += taken;
    const auto count = static_cast<double>(++result_.proposals);
    result_.mean_proposal_seconds += (taken - result_.mean_proposal_seconds) / count;
    result_.max_proposal_seconds = std::max(result_.max_proposal_seconds, taken);
    return config;
  }
  bool learns() const override { return searcher_->learns(); }
  std::optional<double> promised() const override { return searcher_->promised(); }
  std::string exhausted_reason() const override { return searcher_->exhausted_reason(); }
  double seconds() const { return seconds_; }  ///< so far

 private:
  std::unique_ptr<search::Searcher> searcher_;
  SimulationResult& result_;
  double seconds_ = 0;
};

ControllerOptions controller_options(const StudyPlan& plan, const SimulationOptions& options) {
  ControllerOptions result = plan.controller;
  result.workers = options.workers;
  return result;
}

std::unique_ptr<objective::Objective> checked_objective(const StudyPlan& plan,
                                                        const SimulationOptions& options) {
  auto objective = objective::make_objective(plan.objective, plan.space);
  require(objective->simulated(), "an objective of type '", plan.objective.type,
          "' really trains and cannot be simulated; types function and table can");
  require(options.workers > 0, "a simulation needs a worker, got ", options.workers);
  require(std::isfinite(options.epoch_seconds) && options.epoch_seconds > 0, "an epoch takes some time, got ",
          options.epoch_seconds, " s");
  require(plan.controller.trials > 0 || options.walltime > 0,
          "a simulation needs an end: study.trials or study.walltime");
  require((!plan.controller.width && !plan.controller.elastic) || options.failure_seconds == 0,
          "workers cannot fail in a simulation whose trials take several of them (",
          objective::width_parameter, ", workers.elastic)");
  objective->prepare({});
  return objective;
}

schedule::StudyFacts facts_with(const StudyPlan& plan, std::int32_t epochs) {
  schedule::StudyFacts facts = facts_of(plan);
  facts.epochs = epochs;
  return facts;
}

class Simulation {
 public:
  Simulation(const StudyPlan& plan, const SimulationOptions& options)
      : plan_(plan),
        options_(options),
        objective_(checked_objective(plan, options)),
        workers_(*objective_, options),
        outages_(options),
        sub_controllers_(plan.searcher, plan.space, sub_controllers(plan), options.charge_controller),
        proposals_(make_proposals(plan)),
        scheduler_(schedule::make_scheduler(plan.scheduler, facts_with(plan, objective_->epochs()))),
        controller_(controller_options(plan, options), *proposals_, *scheduler_, workers_) {}

  SimulationResult run() {
    introduce();
    controller_.enqueue(plan_.user_trials);
    controller_.step(now_);
    while (!controller_.finished()) {
      require(std::isfinite(next()), "the simulation stands still after ", now_,
              " s: nothing runs and nothing can be started");
      move_on();
    }
    controller_.note(search::JobEnded{now_, controller_.reason()});
    return summed_up();
  }

 private:
  std::unique_ptr<ProposalSource> make_proposals(const StudyPlan& plan) {
    if (sub_controllers(plan) > 0) {
      const auto post = [this](int to, std::vector<std::byte> message) {
        sub_controllers_.post(to, std::move(message));
      };
      auto divided = std::make_unique<DividedProposals>(plan, options_.workers, post);
      divided_ = divided.get();
      return divided;
    }
    auto timed = std::make_unique<TimedSearcher>(search::make_searcher(plan.searcher, plan.space), result_);
    searcher_ = timed.get();
    return std::make_unique<DirectProposals>(std::move(timed), plan.controller.maximize);
  }

  void introduce() {
    search::JobStarted job = plan_.job;
    job.time = now_;
    controller_.note(job);
    for (std::int32_t i = 0; i < options_.workers; ++i)
      controller_.note(search::WorkerJoined{WorkerId{i}, i + 1, 1, 1, now_, "virtual", "virtual", ""});
  }

  double next() const { return std::min({workers_.next(), outages_.next(), sub_controllers_.next()}); }

  /// Workers that fail now, and workers that are there again.
  void let_fail() {
    while (outages_.next() <= now_) {
      const auto [worker, fails] = outages_.take();
      result_.failures += fails ? 1 : 0;
      if (fails) {
        workers_.fail(worker);
        controller_.lose(worker, now_);
      } else {
        controller_.rejoin(worker);
      }
    }
  }

  /// Lets time pass until the next report or failure, or to the end of the wall time, and lets the controller
  /// act.
  void move_on() {
    const bool limited = options_.walltime > 0 && !controller_.interrupted();
    const double end = limited ? options_.walltime : HUGE_VAL;
    now_ = std::min(std::max(now_, next()), end);
    workers_.pass_until(now_);
    const VirtualWorkers::Mail mail = workers_.collect();
    result_.reports += mail.size();
    result_.longest_queue = std::max(result_.longest_queue, mail.size());
    act([&] {
      sub_controllers_.pass_until(
          now_, [&](int from, std::span<const std::byte> message) { divided_->receive(from, message); });
      for (const auto& [worker, report] : mail) controller_.receive(worker, report, now_);
      let_fail();
      if (now_ >= end) controller_.interrupt("wall time");
      controller_.step(now_);
    });
  }

  /// Takes the controller's time, and lets it pass where it is charged: what it sends leaves when it is done.
  template <class Action>
  void act(Action action) {
    const double before = cpu_seconds(), search_before = search_seconds(),
                 others_before = sub_controllers_.seconds();
    action();
    const double taken = cpu_seconds() - before - (sub_controllers_.seconds() - others_before);
    result_.controller_seconds += taken - (search_seconds() - search_before);
    if (!options_.charge_controller) return;
    now_ += taken;
    workers_.pass_until(now_);
  }

  double search_seconds() const { return searcher_ ? searcher_->seconds() : 0; }

  SimulationResult summed_up() {
    if (divided_) {
      result_.proposals = sub_controllers_.proposals();
      result_.mean_proposal_seconds =
          sub_controllers_.seconds() / static_cast<double>(std::max<std::size_t>(1, result_.proposals));
      result_.max_proposal_seconds = sub_controllers_.longest_seconds();
      result_.domains = divided_->keeper().domains();
      result_.handed_over = divided_->keeper().handed_over();
    }
    result_.history = controller_.history();
    result_.interrupted = controller_.interrupted();
    result_.reason = controller_.reason();
    result_.seconds = now_;
    result_.utilisation = now_ > 0 ? workers_.busy_seconds() / (now_ * options_.workers) : 1;
    return std::move(result_);
  }

  const StudyPlan& plan_;
  const SimulationOptions& options_;
  SimulationResult result_;
  std::unique_ptr<objective::Objective> objective_;
  VirtualWorkers workers_;
  Outages outages_;
  VirtualSubControllers sub_controllers_;
  TimedSearcher* searcher_ = nullptr;    ///< of proposals_, where they are made here
  DividedProposals* divided_ = nullptr;  ///< proposals_, where they are not
  std::unique_ptr<ProposalSource> proposals_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
  Controller controller_;
  double now_ = 0;  ///< virtual [s]
};

}  // namespace

SimulationResult simulate(const StudyPlan& plan, const SimulationOptions& options) {
  return Simulation(plan, options).run();
}

}  // namespace regatta::run
