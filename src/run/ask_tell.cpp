#include "regatta/run/ask_tell.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "verdict.hpp"

namespace regatta::run {

using search::TrialState;

struct Study::Impl final : Effects {
  explicit Impl(const StudyPlan& study_plan) : plan(study_plan) {
    open_log();
    proposals = std::make_unique<DirectProposals>(search::make_searcher(plan.searcher, plan.space),
                                                  plan.controller.maximize, earlier);
    scheduler = schedule::make_scheduler(plan.scheduler, facts_of(plan));
    ControllerOptions options = plan.controller;
    options.width = {};  // who asks knows what a trial takes
    options.elastic = false;
    options.workers = 1;
    options.prefetch = 0;
    options.in_flight = 0;  // who asks decides
    controller = std::make_unique<Controller>(options, *proposals, *scheduler, *this);
    controller->leave(WorkerId{0});
    const double now = wall_time();
    controller->restore(earlier, now);
    search::JobStarted job = plan.job;
    job.time = now;
    controller->note(job);
    if (!plan.resume) controller->enqueue(plan.user_trials);
  }

  void open_log() {
    if (plan.log.directory.empty()) return;
    run_log =
        plan.resume ? log::RunLog::resume(plan.log, earlier) : log::RunLog::create(plan.log, plan.header);
  }

  // What the controller does to the world: an assignment waits to be handed to the caller.
  void log(std::span<const search::Event> events) override {
    if (run_log) run_log->write(events);
  }
  void send(WorkerId to, const Assign& message) override {
    assigned = message;
    running[message.trial] = {to, message.until_epoch, wall_time()};
  }
  void send(WorkerId, const Cancel& message) override { cancelled = message; }
  // What its trials need to go on is the caller's.
  void send(WorkerId, const Hand&) override {}
  void send(WorkerId, const Checkpoint&) override {}

  struct Running {
    WorkerId worker;
    std::int32_t until_epoch = 0;
    double started = 0;  ///< [s since the epoch]
  };

  const Running& holder(TrialId trial) const {
    const auto found = running.find(trial);
    require(found != running.end(), "trial ", trial.value, " is not running");
    return found->second;
  }

  void introduce(WorkerId worker) {
    if (worker.value < introduced) return;
    introduced = worker.value + 1;
    controller->note(search::WorkerJoined{worker, -1, 1, 0, wall_time(), host_name(), "external", ""});
  }

  /// Hands a report to the controller; the state that the trial has then.
  TrialState pass(const Report& given) {
    const Running& holds = holder(given.trial);
    Report full = given;
    const double now = wall_time();
    full.seconds = now - holds.started;
    const WorkerId worker = holds.worker;
    cancelled.reset();
    controller->receive(worker, full, now);
    if (full.state == TrialState::Running) controller->step(now);  // carries out what the scheduler has said
    if (full.state == TrialState::Running && cancelled) {
      full.state = cancelled->state;
      controller->receive(worker, full, now);
    }
    if (full.state == TrialState::Running) return full.state;
    running.erase(full.trial);
    controller->leave(worker);
    controller->step(now);
    return full.state;
  }

  StudyPlan plan;
  std::vector<search::Event> earlier;
  std::optional<log::RunLog> run_log;
  std::unique_ptr<ProposalSource> proposals;
  std::unique_ptr<schedule::Scheduler> scheduler;
  std::unique_ptr<Controller> controller;
  std::optional<Assign> assigned;
  std::optional<Cancel> cancelled;
  std::unordered_map<TrialId, Running> running;
  std::int32_t introduced = 0;  ///< workers that the log knows
  bool closed = false;
};

Study::Study(const StudyPlan& plan) : impl_(std::make_unique<Impl>(plan)) {}

Study::~Study() {
  try {
    close();
  } catch (const std::exception&) {  // close() is there for who wants to know
  }
}

void Study::close() {
  if (std::exchange(impl_->closed, true)) return;
  const bool complete = over();
  if (!complete) impl_->controller->interrupt("closed");
  while (!impl_->running.empty()) {
    Report report;
    report.trial = impl_->running.begin()->first;
    report.epoch = history()[report.trial].epochs;
    report.state = TrialState::Cancelled;
    impl_->pass(report);
  }
  impl_->controller->note(search::JobEnded{wall_time(), reason()});
  if (impl_->run_log)
    impl_->run_log->close(complete ? log::RunState::Complete : log::RunState::Interrupted, reason());
}

const space::Space& Study::space() const { return impl_->plan.space; }

const search::History& Study::history() const { return impl_->controller->history(); }

std::optional<Asked> Study::ask() {
  impl_->assigned.reset();
  const WorkerId worker = impl_->controller->join();
  impl_->introduce(worker);
  impl_->controller->step(wall_time());
  if (!impl_->assigned) {
    impl_->controller->leave(worker);
    return std::nullopt;
  }
  const Assign& assign = *impl_->assigned;
  Asked asked{assign.trial, assign.attempt, assign.weights, assign.seed, assign.config, {}};
  for (std::size_t i = 0; i < space().size(); ++i)
    if (const space::Value value = space().value(assign.config, i); value.index() != 0)
      asked.values[space().parameters()[i].name] = value;
  return asked;
}

TrialState Study::report(TrialId trial, std::int32_t epoch, double value, std::vector<double> metrics) {
  const std::int32_t until_epoch = impl_->holder(trial).until_epoch;
  require(epoch > history()[trial].epochs, "trial ", trial.value, " has reported epoch ",
          history()[trial].epochs, " already, got epoch ", epoch);
  objective::Progress progress;
  progress.epoch = epoch;
  progress.value = value;
  progress.metrics = std::move(metrics);
  progress.standard_error = search::not_a_number;
  Report message;
  message.trial = trial;
  fill(message, progress);
  fill(message, verdict_on(progress, until_epoch));
  return impl_->pass(message);
}

void Study::tell(TrialId trial, double value, double standard_error) {
  objective::Progress progress;
  impl_->holder(trial);
  progress.epoch = std::max(1, history()[trial].epochs);
  progress.finished = true;
  progress.value = value;
  progress.standard_error = standard_error;
  Report message;
  message.trial = trial;
  fill(message, progress);
  fill(message, verdict_on(progress, 0));
  impl_->pass(message);
}

void Study::fail(TrialId trial, const std::string& message, search::Reason reason) {
  impl_->holder(trial);
  Report report;
  report.trial = trial;
  report.epoch = history()[trial].epochs;
  fill(report, Verdict{TrialState::Failed, reason, message});
  impl_->pass(report);
}

bool Study::over() const { return impl_->controller->finished(); }

const std::string& Study::reason() const { return impl_->controller->reason(); }

}  // namespace regatta::run
