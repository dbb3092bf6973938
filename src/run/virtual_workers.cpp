#include "virtual_workers.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "verdict.hpp"

namespace regatta::run {
namespace {

using search::TrialState;

/// What a trial takes that cannot begin, so that time goes on when none can.
constexpr double refusal_seconds = 1e-3;

}  // namespace

struct VirtualWorkers::Running {
  Assign assign;
  double begun = 0;
  Report last;                 ///< what the trial has reached
  std::optional<Verdict> end;  ///< known before the next epoch is over
  std::unique_ptr<objective::Trainable> trainable;
};

VirtualWorkers::VirtualWorkers(objective::Objective& objective, const SimulationOptions& options)
    : objective_(objective), options_(options), workers_(static_cast<std::size_t>(options.workers)) {}

VirtualWorkers::~VirtualWorkers() = default;

void VirtualWorkers::log(std::span<const search::Event> events) {
  if (options_.log) options_.log(events);
}

void VirtualWorkers::send(WorkerId to, const Assign& message) {
  worker(to).inbox.push_back(message);
  if (!worker(to).running) begin(to);
}

void VirtualWorkers::send(WorkerId to, const Cancel& message) {
  VirtualWorker& held = worker(to);
  if (held.running && held.running->assign.trial == message.trial) {
    held.running->end = Verdict{message.state};
    due_.erase({held.due, to});
    schedule(to, 0);
    return;
  }
  const auto waiting = std::ranges::find(held.inbox, message.trial, &Assign::trial);
  if (waiting == held.inbox.end()) return;  // it has ended meanwhile
  held.inbox.erase(waiting);
  Report answer;
  answer.trial = message.trial;
  answer.state = message.state;
  answers_.emplace_back(to, answer);
}

double VirtualWorkers::next() const {
  if (!answers_.empty()) return now_;
  return due_.empty() ? HUGE_VAL : due_.begin()->first;
}

VirtualWorkers::Mail VirtualWorkers::collect() {
  Mail mail = std::exchange(answers_, {});
  std::vector<WorkerId> ready;  // first all, as an epoch that takes no time falls due again at once
  while (!due_.empty() && due_.begin()->first <= now_) {
    ready.push_back(due_.begin()->second);
    due_.erase(due_.begin());
  }
  for (const WorkerId id : ready) mail.emplace_back(id, report(id));
  return mail;
}

void VirtualWorkers::begin(WorkerId id) {
  VirtualWorker& free = worker(id);
  free.running = std::make_unique<Running>();
  Running& running = *free.running;
  running.assign = std::move(free.inbox.front());
  free.inbox.pop_front();
  running.begun = now_;
  running.last.trial = running.assign.trial;
  try {
    take_up(running);
    schedule(id, running.trainable->epoch_seconds().value_or(options_.epoch_seconds));
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    running.end = verdict_on(error);
    schedule(id, refusal_seconds);
  }
}

/// Starts the trial, or goes on with it where it was paused.
void VirtualWorkers::take_up(Running& running) {
  const Assign& assign = running.assign;
  if (auto kept = paused_.extract(assign.trial))
    running.trainable = std::move(kept.mapped());
  else
    running.trainable =
        objective_.start(assign.config, {assign.trial.value, assign.attempt, assign.seed, true});
}

void VirtualWorkers::schedule(WorkerId id, double seconds) {
  require(std::isfinite(seconds) && seconds >= 0, "an epoch cannot take ", seconds, " s");
  worker(id).due = now_ + seconds;
  due_.emplace(worker(id).due, id);
}

Report VirtualWorkers::report(WorkerId id) {
  Running& running = *worker(id).running;
  if (!running.end) advance(running);
  Report report = running.last;
  if (running.end) fill(report, *running.end);
  report.seconds = now_ - running.begun;
  if (report.state == TrialState::Running) {
    schedule(id, running.trainable->epoch_seconds().value_or(options_.epoch_seconds));
    return report;
  }
  busy_seconds_ += report.seconds;
  if (report.state == TrialState::Paused) paused_[report.trial] = std::move(running.trainable);
  worker(id).running.reset();
  if (!worker(id).inbox.empty()) begin(id);
  return report;
}

void VirtualWorkers::advance(Running& running) {
  try {
    const auto progress = running.trainable->advance();
    require(progress.has_value(), "in virtual time each advance() gives an epoch");
    fill(running.last, *progress);
    const Verdict verdict = verdict_on(*progress, running.assign.until_epoch);
    if (verdict.state != TrialState::Running) running.end = verdict;
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    running.end = verdict_on(error);
  }
}

}  // namespace regatta::run
