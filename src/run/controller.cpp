#include "regatta/run/controller.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::run {
namespace {

/// Trials shorter than 100 round trips of a busy node gain from assignments that wait at the worker; for longer ones they
/// would only make proposals stale.
constexpr double short_trial_seconds = 100 * 200e-6;
constexpr double covered_seconds = 2e-3;  ///< that waiting assignments should last for
constexpr std::size_t deepest = 4;

}  // namespace

Controller::Controller(const ControllerOptions& options, ProposalSource& proposals, schedule::Scheduler& scheduler,
                       Effects& effects)
    : options_(options),
      proposals_(proposals),
      scheduler_(scheduler),
      effects_(effects),
      history_(options.maximize),
      workers_(static_cast<std::size_t>(options.workers)) {
  require(options.workers > 0, "a study needs a worker, got ", options.workers);
  require(options.trials >= 0, "the number of trials must not be negative, got ", options.trials);
  require(options.batch > 0, "a batch has at least one trial, got ", options.batch);
  for (std::int32_t worker = 0; worker < options.workers; ++worker) by_load_.emplace(0, WorkerId{worker});
}

void Controller::restore(std::span<const search::Event> events, double now) {
  for (const search::Event& event : events) history_.record(event);
  for (const TrialId trial : history_.unfinished()) {
    if (history_[trial].state == search::TrialState::Running) record(search::TrialRequeued{trial, now});
    requeued_.push_back(trial);
  }
  flush();
}

void Controller::enqueue(const std::vector<search::Config>& configs) {
  user_trials_.insert(user_trials_.end(), configs.begin(), configs.end());
}

void Controller::note(const search::Event& event) {
  record(event);
  flush();
}

WorkerId Controller::join() {
  const auto away = [this](std::size_t i) {
    return !by_load_.contains({workers_[i].trials.size(), WorkerId{static_cast<std::int32_t>(i)}});
  };
  std::size_t place = 0;
  while (place < workers_.size() && !away(place)) ++place;
  if (place == workers_.size()) workers_.emplace_back();
  const WorkerId worker{static_cast<std::int32_t>(place)};
  by_load_.emplace(0, worker);
  return worker;
}

void Controller::leave(WorkerId worker) { by_load_.erase({0, worker}); }

void Controller::receive(WorkerId from, const Report& report, double now) {
  const auto& held = workers_.at(static_cast<std::size_t>(from.value)).trials;
  require(std::ranges::find(held, report.trial) != held.end(), "worker ", from.value, " reports trial ",
          report.trial.value, ", which it does not hold");
  if (report.epoch > history_[report.trial].epochs) {
    const search::TrialReported event{report.trial, report.epoch, report.value, now, report.metrics};
    record(event);
    if (report.state == search::TrialState::Running) decide(from, event);
  }
  if (report.state != search::TrialState::Running) finish(from, report, now);
}

void Controller::decide(WorkerId worker, const search::TrialReported& report) {
  switch (scheduler_.on_report(history_, report)) {
    case schedule::Decision::Continue: return;
    case schedule::Decision::Pause:
      cancels_.emplace_back(worker, Cancel{report.trial, search::TrialState::Paused});
      return;
    case schedule::Decision::Stop:
      cancels_.emplace_back(worker, Cancel{report.trial, search::TrialState::Stopped});
      return;
  }
}

void Controller::finish(WorkerId from, const Report& report, double now) {
  auto& held = workers_[static_cast<std::size_t>(from.value)].trials;
  std::erase(held, report.trial);
  set_load(from, held.size() + 1);
  --in_flight_;
  if (interrupted_ && report.state == search::TrialState::Cancelled) {
    record(search::TrialRequeued{report.trial, now});
    return;
  }
  search::TrialEnded event;
  event.trial = report.trial;
  event.state = report.state;
  event.reason = report.reason;
  event.objective = report.state == search::TrialState::Failed ? search::not_a_number : report.value;
  event.standard_error = report.standard_error;
  event.epochs = report.epoch;
  event.seconds = report.seconds;
  event.load_seconds = report.load_seconds;
  event.communicate_seconds = report.communicate_seconds;
  event.time = now;
  event.fold_scores = report.fold_scores;
  event.message = report.message;
  event.exit_code = report.exit_code;
  record(std::move(event));
  constexpr double weight = 0.1;  // of the newest trial in the moving average
  mean_seconds_ = mean_seconds_ < 0 ? report.seconds : (1 - weight) * mean_seconds_ + weight * report.seconds;
  proposals_.pace(mean_seconds_);
}

void Controller::step(double now) {
  waits_for_proposal_ = false;
  // The least laden first: one trial for everybody before any waits at a worker.
  while (!by_load_.empty() && by_load_.begin()->first <= depth() && fill_slot(by_load_.begin()->second, now)) {
  }
  if (!draining_ && in_flight_ == 0 && requeued_.empty() && user_trials_.empty() && batch_.empty()) {
    if (budget_spent()) drain("budget spent");
    if (!draining_ && proposals_.exhausted()) drain(proposals_.exhausted_reason());
  }
  flush();
}

bool Controller::fill_slot(WorkerId worker, double now) {
  const auto job = next_job(now);
  if (!job) return false;
  const search::Trial& trial = history_[*job->trial];
  const Assign assign{trial.id, 0, trial.attempt + 1, job->until_epoch, trial.seed, trial.config};
  record(search::TrialStarted{trial.id, worker, 0, 0, job->until_epoch, now});
  auto& held = workers_[static_cast<std::size_t>(worker.value)].trials;
  held.push_back(assign.trial);
  set_load(worker, held.size() - 1);
  ++in_flight_;
  assigns_.emplace_back(worker, assign);
  return true;
}

std::optional<schedule::Job> Controller::next_job(double now) {
  if (draining_) return std::nullopt;
  if (!requeued_.empty()) {
    const TrialId trial = requeued_.front();
    requeued_.pop_front();
    return schedule::Job{trial, 0};
  }
  schedule::Job job = scheduler_.next(history_);
  if (!job.trial) job.trial = create_trial(now);
  return job.trial ? std::optional(job) : std::nullopt;
}

std::optional<TrialId> Controller::create_trial(double now) {
  if (!user_trials_.empty()) {  // the budget bounds what searchers may ask for, not what users do
    const Proposal wish{std::move(user_trials_.front()), history_.events()};
    user_trials_.pop_front();
    const TrialId trial = create(wish, search::Origin::User, now);
    last_user_trial_ = history_.events();
    return trial;
  }
  if (options_.batch == 1) return propose_trial(now);
  if (batch_.empty() && batch_done()) begin_batch(now);
  if (batch_.empty()) return std::nullopt;
  const TrialId trial = batch_.front();
  batch_.pop_front();
  return trial;
}

std::optional<TrialId> Controller::propose_trial(double now) {
  if (budget_spent()) return std::nullopt;
  const auto proposal = fresh_proposal();
  return proposal ? std::optional(create(*proposal, search::Origin::Searcher, now)) : std::nullopt;
}

void Controller::begin_batch(double now) {
  while (std::ssize(batch_) < options_.batch) {
    const auto trial = propose_trial(now);
    if (!trial) return;
    batch_.push_back(*trial);
  }
}

/// A paused trial counts as done: the scheduler, which is asked first, does not want to go on with it now.
bool Controller::batch_done() const {
  return std::ranges::none_of(history_.unfinished(), [this](TrialId id) {
    const search::Trial& trial = history_[id];
    return trial.origin == search::Origin::Searcher && trial.state != search::TrialState::Paused;
  });
}

/// A proposal made before the last user's trial was known may repeat it; such a one is dropped.
std::optional<Proposal> Controller::fresh_proposal() {
  flush();  // what the searcher is to know
  while (auto proposal = proposals_.take()) {
    const bool outdated = proposal->events_seen < last_user_trial_;
    if (!outdated || !history_.contains(proposal->config)) return proposal;
  }
  waits_for_proposal_ = !proposals_.exhausted();
  return std::nullopt;
}

TrialId Controller::create(const Proposal& proposal, search::Origin origin, double now) {
  const TrialId trial{static_cast<std::int32_t>(history_.trials().size())};
  const std::uint64_t seed = derive_seed(options_.seed, static_cast<std::uint64_t>(trial.value));
  record(search::TrialCreated{trial, origin, seed, proposal.events_seen, TrialId{}, now, proposal.config});
  if (proposal.promised)
    record(search::Note{search::gain_note, {static_cast<double>(trial.value), *proposal.promised}});
  return trial;
}

void Controller::set_load(WorkerId worker, std::size_t before) {
  by_load_.erase({before, worker});
  by_load_.emplace(workers_[static_cast<std::size_t>(worker.value)].trials.size(), worker);
}

std::size_t Controller::depth() const {
  if (options_.prefetch >= 0) return static_cast<std::size_t>(options_.prefetch);
  if (mean_seconds_ < 0 || mean_seconds_ > short_trial_seconds) return 0;
  const double wanted = std::ceil(covered_seconds / std::max(mean_seconds_, 1e-9));
  return static_cast<std::size_t>(std::clamp(wanted, 1.0, static_cast<double>(deepest)));
}

bool Controller::budget_spent() const {
  return options_.trials > 0 && static_cast<std::int64_t>(history_.trials().size()) >= options_.trials;
}

void Controller::drain(const std::string& reason) {
  if (draining_) return;
  draining_ = true;
  reason_ = reason;
}

void Controller::interrupt(const std::string& reason) {
  if (interrupted_) return;
  interrupted_ = true;
  draining_ = true;
  reason_ = reason;
  for (std::size_t i = 0; i < workers_.size(); ++i)
    for (const TrialId trial : workers_[i].trials)
      cancels_.emplace_back(WorkerId{static_cast<std::int32_t>(i)}, Cancel{trial, search::TrialState::Cancelled});
  flush();
}

bool Controller::finished() const { return draining_ && in_flight_ == 0; }

void Controller::record(search::Event event) {
  history_.record(event);
  unlogged_.push_back(std::move(event));
}

void Controller::flush() {
  if (!unlogged_.empty()) {
    effects_.log(unlogged_);
    proposals_.observe(unlogged_);
    unlogged_.clear();
  }
  for (const auto& [worker, message] : assigns_) effects_.send(worker, message);
  assigns_.clear();
  for (const auto& [worker, message] : cancels_) effects_.send(worker, message);
  cancels_.clear();
}

}  // namespace regatta::run
