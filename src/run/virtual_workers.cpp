#include "virtual_workers.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "verdict.hpp"

namespace regatta::run {
namespace {

using search::TrialState;

/// What a trial takes that cannot begin, so that time goes on when none can.
constexpr double refusal_seconds = 1e-3;
constexpr std::uint64_t speed_stream = 0x737065;

}  // namespace

struct VirtualWorkers::Running {
  Assign assign;
  double begun = 0;
  Report last;                 ///< what the trial has reached
  std::optional<Verdict> end;  ///< known before the next epoch is over
  bool pauses = false;         ///< after the next epoch
  std::unique_ptr<objective::Trainable> trainable;
};

VirtualWorkers::VirtualWorkers(objective::Objective& objective, const SimulationOptions& options)
    : objective_(objective), options_(options), workers_(static_cast<std::size_t>(options.workers)) {
  for (std::size_t i = 0; i < workers_.size() && options.speed_spread > 0; ++i)
    workers_[i].slowness = std::exp(options.speed_spread * Random(speed_stream, i).normal());
}

VirtualWorkers::~VirtualWorkers() = default;

void VirtualWorkers::log(std::span<const search::Event> events) {
  if (options_.log) options_.log(events);
}

void VirtualWorkers::send(WorkerId to, const Assign& message) {
  const auto donor = message.weights == message.trial ? kept_.end() : kept_.find(message.weights);
  if (donor != kept_.end()) kept_[message.trial] = {to, donor->second.bytes};  // as they are now
  worker(to).inbox.push_back(message);
  if (!worker(to).running) begin(to, now_ + options_.latency);
}

void VirtualWorkers::send(WorkerId to, const Cancel& message) {
  VirtualWorker& held = worker(to);
  if (held.running && held.running->assign.trial == message.trial) {
    held.running->pauses = message.state == TrialState::Paused;
    if (held.running->pauses) return;
    held.running->end = Verdict{message.state};
    due_.erase({held.due, to});
    schedule(to, now_ + 2 * options_.latency);
    return;
  }
  const auto waiting = std::ranges::find(held.inbox, message.trial, &Assign::trial);
  if (waiting == held.inbox.end()) {  // it has ended meanwhile, or is paused
    if (message.state == TrialState::Stopped) kept_.erase(message.trial);
    return;
  }
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
  for (const WorkerId id : ready)
    if (auto arrived = report(id)) mail.emplace_back(id, std::move(*arrived));
  return mail;
}

void VirtualWorkers::fail(WorkerId id) {
  VirtualWorker& lost = worker(id);
  if (lost.running) {
    due_.erase({lost.due, id});
    busy_seconds_ += std::max(0.0, now_ - lost.running->begun);
  }
  lost.running.reset();
  lost.inbox.clear();
  std::erase_if(kept_, [id](const auto& entry) { return entry.second.keeper == id; });
}

/// @param time  when the worker has the assignment and is free
void VirtualWorkers::begin(WorkerId id, double time) {
  VirtualWorker& free = worker(id);
  free.running = std::make_unique<Running>();
  Running& running = *free.running;
  running.assign = std::move(free.inbox.front());
  free.inbox.pop_front();
  running.begun = time;
  free.reported = time;
  running.last.trial = running.assign.trial;
  try {
    take_up(running);
    schedule(id, time + next_epoch_seconds(id) + options_.latency);
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    running.end = verdict_on(error);
    schedule(id, time + refusal_seconds + options_.latency);
  }
}

/// Starts the trial, or goes on with it where it was paused.
void VirtualWorkers::take_up(Running& running) {
  const Assign& assign = running.assign;
  running.trainable =
      objective_.start(assign.config, {assign.trial.value, assign.attempt, assign.seed, true});
  const auto kept = assign.weights.valid() ? kept_.find(assign.trial) : kept_.end();
  if (kept != kept_.end()) running.trainable->load(kept->second.bytes);
}

double VirtualWorkers::next_epoch_seconds(WorkerId id) const {
  const VirtualWorker& busy = workers_[static_cast<std::size_t>(id.value)];
  const double seconds = busy.running->trainable->epoch_seconds().value_or(options_.epoch_seconds);
  require(std::isfinite(seconds) && seconds >= 0, "an epoch cannot take ", seconds, " s");
  double slowness = busy.slowness;
  for (const std::int32_t member : busy.running->assign.team)
    slowness = std::max(slowness, workers_[static_cast<std::size_t>(member)].slowness);
  const double partners = std::max(0.0, static_cast<double>(busy.running->assign.team.size()) - 1);
  return seconds * slowness / (1 + partners * options_.team_efficiency);
}

void VirtualWorkers::schedule(WorkerId id, double time) {
  worker(id).due = time;
  due_.emplace(worker(id).due, id);
}

/// None: the epoch goes unreported.
std::optional<Report> VirtualWorkers::report(WorkerId id) {
  Running& running = *worker(id).running;
  if (!running.end) advance(running);
  Report report = running.last;
  if (running.end) fill(report, *running.end);
  const double left_at = worker(id).due - options_.latency;
  report.seconds = left_at - running.begun;
  if (report.state == TrialState::Running) {
    const double arrived = worker(id).due;
    schedule(id, arrived + next_epoch_seconds(id));
    if (arrived < worker(id).reported + options_.report_seconds) return std::nullopt;
    worker(id).reported = arrived;
    return report;
  }
  busy_seconds_ += report.seconds * static_cast<double>(std::max<std::size_t>(1, running.assign.team.size()));
  if (report.state == TrialState::Paused) kept_[report.trial] = {id, running.trainable->save()};
  worker(id).running.reset();
  if (!worker(id).inbox.empty()) begin(id, left_at);
  return report;
}

void VirtualWorkers::advance(Running& running) {
  try {
    const auto progress = running.trainable->advance();
    require(progress.has_value(), "in virtual time each advance() gives an epoch");
    fill(running.last, *progress);
    const Verdict verdict = verdict_on(*progress, running.assign.until_epoch);
    if (verdict.state != TrialState::Running)
      running.end = verdict;
    else if (running.pauses)
      running.end = Verdict{TrialState::Paused};
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    running.end = verdict_on(error);
  }
}

}  // namespace regatta::run
