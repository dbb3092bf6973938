#include "regatta/run/controller.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "event_kinds.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/log/study_reader.hpp"
#include "team_slots.hpp"

namespace regatta::run {
namespace {

/// Trials shorter than so many round trips gain from assignments that wait at the worker.
constexpr double round_trips_to_hide = 100;
constexpr double longest_made_stale = 20e-3;  ///< of trials that a searcher learns from [s]
constexpr double covered_seconds = 2e-3;  ///< that waiting assignments should last for
constexpr double shortest_round_trip = 200e-6;  ///< of a busy node [s]
constexpr double median_step = 0.1;             ///< by which its estimate goes up or down with each trial
constexpr std::size_t deepest = 4;
constexpr std::int64_t enough_timed = 8;  // trials before their length is believed to be short
constexpr double mean_memory = 10;        // trials that their mean length remembers
constexpr double much_faster = 1.5;       // what a move must gain

}  // namespace

Controller::Controller(const ControllerOptions& options, ProposalSource& proposals,
                       schedule::Scheduler& scheduler, Effects& effects)
    : options_(options),
      proposals_(proposals),
      scheduler_(scheduler),
      effects_(effects),
      history_(options.maximize),
      workers_(static_cast<std::size_t>(options.workers)),
      round_trip_(shortest_round_trip) {
  require(options.workers > 0, "a study needs a worker, got ", options.workers);
  require(options.trials >= 0, "the number of trials must not be negative, got ", options.trials);
  require(options.batch > 0, "a batch has at least one trial, got ", options.batch);
  require(!options.width || !options.elastic, "trials have widths of their own, or teams are elastic");
  require((!options.width && !options.elastic) || (options.in_flight == 0 && !options.move_stragglers),
          "with trials of several widths workers.in_flight must be all, and workers.move_stragglers false");
  if (options.in_flight < 0) ramp_.emplace(workers_.size());
  for (std::int32_t worker = 0; worker < options.workers; ++worker) by_load_.emplace(0, WorkerId{worker});
  if (options.width || options.elastic)
    teams_ = std::make_unique<TeamSlots>(options.workers, options.nodes, options.elastic);
}

Controller::~Controller() = default;

void Controller::restore(std::span<const search::Event> events, double now) {
  for (const search::Event& event : events) history_.record(event);
  remarks_.skip(static_cast<std::int32_t>(std::ranges::count_if(events, is_proposal)));
  for (const TrialId trial : history_.unfinished()) {
    if (history_[trial].state == search::TrialState::Paused) {
      if (const TrialId donor = history_[trial].weights; donor.valid() && donor != trial) donors_.insert(donor);
      continue;
    }
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

void Controller::lose(WorkerId worker, double now) {
  require(!teams_, "workers cannot be lost where trials take several of them");
  auto& held = workers_.at(static_cast<std::size_t>(worker.value)).trials;
  by_load_.erase({held.size(), worker});
  for (const TrialId trial : held) {
    record(search::TrialRequeued{trial, now});
    requeued_.push_back(trial);
    pending_.erase(trial);
    moving_.erase(trial);
    --in_flight_;
  }
  held.clear();
  for (Place& place : places_)
    if (place.keeper == worker) place.keeper = {};
  flush();
}

void Controller::receive(WorkerId from, const Report& report, double now) {
  const auto& held = workers_.at(static_cast<std::size_t>(from.value)).trials;
  require(std::ranges::find(held, report.trial) != held.end(), "worker ", from.value, " reports trial ",
          report.trial.value, ", which it does not hold");
  note_sums(from, report.sums);
  schedule::Decision decision;
  if (report.epoch > history_[report.trial].epochs) {
    record(search::TrialReported{report.trial, report.epoch, report.value, now, report.metrics});
    if (!is_final(report.state))  // the trial could train on
      decision = scheduler_.on_result(history_, std::get<search::TrialReported>(unlogged_.back()));
  }
  if (report.state == search::TrialState::Running)
    react(from, report.trial, decision);
  else if (report.state == search::TrialState::Paused)
    pause(from, report, decision, now);
  else
    finish(from, report, now);
}

void Controller::note_sums(WorkerId worker, objective::Sums sums) {
  if (sums == objective::Sums::None || std::exchange(sums_[worker], sums) == sums) return;
  record(search::Note{log::Study::sums_note, {static_cast<double>(worker.value), static_cast<double>(sums)}});
}

void Controller::react(WorkerId worker, TrialId trial, const schedule::Decision& decision) {
  using schedule::Answer;
  if (decision.answer == Answer::Continue || pending_.contains(trial)) return;
  if (decision.answer == Answer::Checkpoint) {
    place_of(trial).keeper = worker;
    orders_.emplace_back(worker, Checkpoint{trial});
    return;
  }
  const bool stops = decision.answer == Answer::Stop;
  if (decision.answer == Answer::Change || decision.answer == Answer::Restart) pending_[trial] = decision;
  orders_.emplace_back(worker,
                       Cancel{trial, stops ? search::TrialState::Stopped : search::TrialState::Paused});
}

/// A trial has paused by itself, or because it was told to.
void Controller::pause(WorkerId worker, const Report& report, schedule::Decision decision, double now) {
  using schedule::Answer;
  if (auto waiting = pending_.extract(report.trial); waiting && decision.answer != Answer::Stop)
    decision = std::move(waiting.mapped());
  const bool own_accord =
      report.epoch == history_[report.trial].until_epoch || decision.answer == Answer::Pause;
  const bool moves = moving_.erase(report.trial) > 0 && !own_accord;
  place_of(report.trial).keeper = worker;
  if (decision.answer == Answer::Stop) {
    Report stopped = report;
    stopped.state = search::TrialState::Stopped;
    finish(worker, stopped, now);
    return;
  }
  if (moves && interrupted_) {  // it was to go on at once: so it does in a later job
    Report called_in = report;
    called_in.state = search::TrialState::Cancelled;
    return finish(worker, called_in, now);
  }
  finish(worker, report, now);
  if (decision.answer == Answer::Checkpoint) orders_.emplace_back(worker, Checkpoint{report.trial});
  if (decision.answer == Answer::Change || decision.answer == Answer::Restart)
    change(report.trial, decision, now);
  else if (moves)
    moved_.push_back(report.trial);
}

/// Where nothing is kept of the donor any more, or only weights from before a change that it waits for itself, the trial
/// goes on as it is: the donor's hyperparameters alone may be those of a network of another shape.
void Controller::change(TrialId trial, const schedule::Decision& decision, double now) {
  const TrialId donor = decision.answer == schedule::Answer::Change ? trial : decision.donor;
  const bool lost = donor.valid() && donor != trial &&
                    (!keeps(donor) || std::ranges::find(changed_, donor) != changed_.end());
  changed_.push_back(trial);
  if (lost) return;
  record(search::TrialChanged{trial, history_[trial].epochs, donor, now, decision.config});
  if (donor.valid() && donor != trial) donors_.insert(donor);
}

void Controller::finish(WorkerId from, const Report& report, double now) {
  auto& held = workers_[static_cast<std::size_t>(from.value)].trials;
  std::erase(held, report.trial);
  set_load(from, held.size() + 1);
  --in_flight_;
  freed_ = true;
  if (teams_) teams_->release(report.trial);
  pending_.erase(report.trial);
  moving_.erase(report.trial);
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
  release(report.trial, history_[report.trial].attempt > 1 ? from : WorkerId{});
  learn(from, report, now);
  end_if_hopeless(report);
}

/// A program that cannot start would spend the whole budget.
void Controller::end_if_hopeless(const Report& report) {
  if (report.state != search::TrialState::Failed || history_.incumbent() || !history_.reports().empty()) return;
  if (++failures_ == options_.max_failures)
    drain(concat("the first ", failures_, " trials have all failed: ", report.message.substr(0, report.message.find('\n'))));
}

/// Whether weights of the trial are there to start from: with a worker, or in the run directory, of an earlier job.
bool Controller::keeps(TrialId id) const {
  const search::Trial& trial = history_[id];
  if (holder(id).valid()) return true;
  return trial.state == search::TrialState::Paused || (!is_final(trial.state) && trial.attempt > 1);
}

/// Lets what is kept of a trial that is over go, unless a change that names it as its donor has not started yet.
/// @param otherwise  who removes it from the run directory where no worker of this job keeps it; may be none
void Controller::release(TrialId trial, WorkerId otherwise) {
  if (!is_final(history_[trial].state) || donors_.contains(trial)) return;
  const WorkerId keeper = std::exchange(place_of(trial).keeper, {});
  const WorkerId to = keeper.valid() ? keeper : otherwise;
  if (to.valid()) orders_.emplace_back(to, Cancel{trial, search::TrialState::Stopped});
}

/// A change has started, or never will; other ones may still wait for the same donor.
void Controller::stop_waiting_for(TrialId donor, WorkerId taker) {
  if (donors_.extract(donor)) release(donor, taker);
}

/// How long trials take, how fast their worker is, how long messages are under way, and how many trials end.
void Controller::learn(WorkerId worker, const Report& report, double now) {
  const double remembered = std::min(static_cast<double>(++trials_timed_), mean_memory);
  mean_seconds_ =
      mean_seconds_ < 0 ? report.seconds : mean_seconds_ + (report.seconds - mean_seconds_) / remembered;
  proposals_.pace(mean_seconds_);
  const Place& place = place_of(report.trial);
  if (place.started >= 0) {
    const bool longer = now - place.started - report.seconds > round_trip_;
    round_trip_ = std::max(shortest_round_trip, round_trip_ * (longer ? 1 + median_step : 1 - median_step));
  }
  const std::int32_t epochs = report.epoch - place.from_epoch;
  if (epochs > 0) speeds_.take(worker, (report.seconds - report.load_seconds) / epochs);
  if (ramp_ && ramp_->trial_ended(now, loss_at_end(report)))
    record(search::Note{search::in_flight_note,
                        {static_cast<double>(ramp_->limit()), ramp_->throughput(), ramp_->gain()}});
}

/// Of a trial that is over, infinite where it was not worth its end; none: it has paused.
std::optional<double> Controller::loss_at_end(const Report& report) const {
  if (!is_final(report.state)) return {};
  if (report.state != search::TrialState::Completed) return HUGE_VAL;
  return options_.maximize ? -report.value : report.value;
}

void Controller::step(double now) {
  waits_for_proposal_ = false;
  for (; !changed_.empty() && !draining_; changed_.pop_front()) {
    const TrialId trial = changed_.front();
    if (teams_)
      teams_->add_first(trial, width(trial), history_[trial].worker);
    else
      start(trial, history_[trial].worker, now);
  }
  start_moved(now);
  if (teams_) fill_teams(now);
  if (options_.elastic) regroup();
  const bool all_filled = teams_ || fill_slots(now);
  if (options_.move_stragglers && !all_filled && std::exchange(freed_, false)) move_straggler();
  // Without a worker that takes part nothing was tried, and the study may go on.
  if (!draining_ && in_flight_ == 0 && !waits_for_proposal_ && (!by_load_.empty() || resting_)) {
    if (resting_ || too_late(now)) {
      interrupt("wall time");
    } else {
      end_paused(now);
      drain(end_reason());
    }
  }
  flush();
}

/// The least laden first: one trial for everybody before any waits at a worker. False when there is nothing
/// to start for a slot that is free.
bool Controller::fill_slots(double now) {
  while (!by_load_.empty() && by_load_.begin()->first <= depth() && in_flight_ < in_flight_limit()) {
    const WorkerId worker = by_load_.begin()->second;
    if (!rest(worker, now) && !fill_slot(worker, now)) return false;
  }
  return true;
}

std::size_t Controller::in_flight_limit() const {
  if (ramp_) return ramp_->limit();
  return options_.in_flight > 0 ? static_cast<std::size_t>(options_.in_flight)
                                : std::numeric_limits<std::size_t>::max();
}

/// Whether the worker gets nothing more: it is so slow that a trial would last beyond the deadline.
bool Controller::rest(WorkerId worker, double now) {
  if (too_late(now) || !too_late(now, speeds_.slowness(worker))) return false;
  by_load_.erase(by_load_.begin());
  resting_ = true;
  return true;
}

/// Calls the trial of the slowest worker in, so that it goes on with the fastest free one.
void Controller::move_straggler() {
  const WorkerId free = fastest_free();
  if (draining_ || waits_for_proposal_ || !free.valid()) return;
  double worst = much_faster * speeds_.slowness(free);
  WorkerId slowest;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const WorkerId worker{static_cast<std::int32_t>(i)};
    const auto& held = workers_[i].trials;
    if (held.size() != 1 || speeds_.slowness(worker) < worst) continue;
    if (pending_.contains(held.front()) || moving_.contains(held.front())) continue;
    worst = speeds_.slowness(worker);
    slowest = worker;
  }
  if (!slowest.valid()) return;
  const TrialId trial = workers_[static_cast<std::size_t>(slowest.value)].trials.front();
  moving_.insert(trial);
  orders_.emplace_back(slowest, Cancel{trial, search::TrialState::Paused});
}

void Controller::start_moved(double now) {
  for (; !moved_.empty() && !draining_; moved_.pop_front()) {
    const TrialId trial = moved_.front();
    if (teams_) {  // the workers that it had are free
      const std::vector<WorkerId> team = teams_->form(trial, holder(trial));
      start(trial, team.front(), now, team);
      continue;
    }
    const WorkerId free = fastest_free();
    if (!free.valid()) return;
    if (history_[trial].state == search::TrialState::Paused) start(trial, free, now);
  }
}

WorkerId Controller::fastest_free() const {
  WorkerId fastest;
  for (const auto& [load, worker] : by_load_) {
    if (load > 0) break;
    if (!fastest.valid() || speeds_.slowness(worker) < speeds_.slowness(fastest)) fastest = worker;
  }
  return fastest;
}

/// Why nothing was started although every slot is free.
std::string Controller::end_reason() const {
  if (budget_spent()) return "budget spent";
  return proposals_.exhausted() ? proposals_.exhausted_reason() : "the scheduler starts nothing more";
}

/// No paused trial goes on any more: its last value counts.
void Controller::end_paused(double now) {
  const std::set<TrialId> unfinished = history_.unfinished();
  for (const TrialId id : unfinished) {
    const search::Trial& trial = history_[id];
    if (trial.state != search::TrialState::Paused) continue;
    const TrialId weights = trial.weights;
    search::TrialEnded event{id, search::TrialState::Stopped};
    event.objective = trial.objective;
    event.standard_error = trial.standard_error;
    event.epochs = trial.epochs;
    event.time = now;
    record(std::move(event));
    release(id, WorkerId{0});
    if (weights != id) stop_waiting_for(weights, WorkerId{0});
  }
}

bool Controller::fill_slot(WorkerId worker, double now) {
  const auto trial = next_trial(now);
  if (!trial) return false;
  const WorkerId keeper = holder(*trial);
  const bool keeper_free =
      keeper.valid() && workers_[static_cast<std::size_t>(keeper.value)].trials.size() <= depth();
  start(*trial, keeper_free ? keeper : worker, now);
  return true;
}

std::int32_t Controller::width(TrialId trial) const {
  return options_.width ? options_.width(history_[trial].config) : 1;
}

/// Lets trials wait, and starts those that the free workers are enough for.
void Controller::fill_teams(double now) {
  teams_->settle(too_late(now));
  while (!draining_ && !too_late(now)) {
    bool all_here = false;
    while (!all_here && teams_->wants_more()) {
      const auto trial = next_trial(now);
      all_here =
          !trial || teams_->waits(*trial);  // a paused one that waits already is all that the scheduler wants
      if (!all_here) teams_->add(*trial, width(*trial), holder(history_[*trial].weights));
    }
    teams_->settle(all_here && !waits_for_proposal_);
    const auto next = teams_->next();
    if (!next) return;
    start(next->trial, next->team.front(), now, next->team);
  }
}

/// Calls trials in that are to go on with more workers, or fewer. One that has reported since it started is
/// at work for sure.
void Controller::regroup() {
  if (draining_) return;
  const auto ready = [this](TrialId trial) {
    return history_[trial].epochs > place_of(trial).from_epoch && !pending_.contains(trial);
  };
  for (const TrialId trial : teams_->misfits(ready)) {
    moving_.insert(trial);
    orders_.emplace_back(history_[trial].worker, Cancel{trial, search::TrialState::Paused});
  }
}

/// In the assignment, and in the log.
void Controller::name_team(Assign& assign, const std::vector<WorkerId>& team) {
  search::Note note{search::team_note, {static_cast<double>(assign.trial.value)}};
  for (const WorkerId member : team) {
    assign.team.push_back(member.value);
    if (member != team.front()) note.values.push_back(member.value);
  }
  record(std::move(note));
}

void Controller::start(TrialId id, WorkerId worker, double now, const std::vector<WorkerId>& team) {
  const search::Trial& trial = history_[id];
  const TrialId weights = trial.weights;
  const std::int32_t until = scheduler_.until_epoch(history_, trial);
  const bool goes_on = trial.state == search::TrialState::Paused && weights.valid();
  const std::int32_t from = goes_on ? history_[weights].epochs : 0;
  const std::int32_t lane = options_.lanes.empty() ? 0 : options_.lanes[static_cast<std::size_t>(worker.value)];
  Assign assign{id, lane, trial.attempt + 1, until, trial.seed, trial.config, weights};
  const WorkerId keeper = weights.valid() ? holder(weights) : WorkerId{};
  assign.awaited = keeper.valid() && keeper != worker;
  record(search::TrialStarted{id, worker, lane, from, until, now});
  place_of(id).from_epoch = from;
  place_of(id).started = workers_[static_cast<std::size_t>(worker.value)].trials.empty() ? now : -1;
  if (team.size() > 1) name_team(assign, team);
  auto& held = workers_[static_cast<std::size_t>(worker.value)].trials;
  held.push_back(id);
  set_load(worker, held.size() - 1);
  ++in_flight_;
  if (assign.awaited) orders_.emplace_back(keeper, Hand{weights, id, worker, Rank{}});
  if (assign.awaited && weights == id) place_of(id).keeper = worker;
  orders_.emplace_back(worker, std::move(assign));
  if (weights != id) stop_waiting_for(weights, worker);  // after the orders that take them
}

Controller::Place& Controller::place_of(TrialId trial) {
  const auto index = static_cast<std::size_t>(trial.value);
  if (index >= places_.size()) places_.resize(index + 1);
  return places_[index];
}

const Controller::Place& Controller::place_of(TrialId trial) const {
  static const Place nowhere;
  const auto index = static_cast<std::size_t>(trial.value);
  return index < places_.size() ? places_[index] : nowhere;
}

bool Controller::more() const {
  return !user_trials_.empty() || !batch_.empty() || (!budget_spent() && !proposals_.exhausted());
}

/// Whether what starts now would, as the last trials have shown, be called in before it has ended.
/// @param slowness  of the worker
bool Controller::too_late(double now, double slowness) const {
  return options_.deadline > 0 && mean_seconds_ >= 0 && now + slowness * mean_seconds_ > options_.deadline;
}

std::optional<TrialId> Controller::next_trial(double now) {
  if (draining_ || too_late(now)) return std::nullopt;
  if (!requeued_.empty()) {
    const TrialId trial = requeued_.front();
    requeued_.pop_front();
    return trial;
  }
  // Only a try tells that nothing is left to propose: the scheduler is then asked once more.
  for (bool possible = more();; possible = false) {
    const schedule::Job job = scheduler_.choose_trial_to_run(history_, possible);
    if (job.kind == schedule::Job::Kind::Resume) return job.trial;
    if (job.kind == schedule::Job::Kind::Wait) return std::nullopt;
    const auto trial = possible ? create_trial(now) : std::nullopt;
    if (trial || !possible || more()) return trial;
  }
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
  std::vector<search::Note> notes;
  if (origin == search::Origin::Searcher) notes = remarks_.on(proposal, trial, history_);
  record(search::TrialCreated{trial, origin, seed, proposal.events_seen, TrialId{}, now, proposal.config});
  if (proposal.promised)
    record(search::Note{search::gain_note, {static_cast<double>(trial.value), *proposal.promised}});
  for (search::Note& note : notes) record(std::move(note));
  return trial;
}

void Controller::set_load(WorkerId worker, std::size_t before) {
  by_load_.erase({before, worker});
  by_load_.emplace(workers_[static_cast<std::size_t>(worker.value)].trials.size(), worker);
}

std::size_t Controller::depth() const {
  if (options_.prefetch >= 0) return static_cast<std::size_t>(options_.prefetch);
  if (trials_timed_ < enough_timed || mean_seconds_ > round_trips_to_hide * round_trip_) return 0;
  if (proposals_.learns() && mean_seconds_ > longest_made_stale) return 0;
  const std::int64_t left = options_.trials - std::ssize(history_.trials());
  if (options_.trials > 0 && left < std::ssize(workers_))
    return 0;  // the last ones go to whoever is free first
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
      orders_.emplace_back(WorkerId{static_cast<std::int32_t>(i)},
                           Cancel{trial, search::TrialState::Cancelled});
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
  for (const auto& [worker, order] : orders_)
    std::visit([&, to = worker](const auto& message) { effects_.send(to, message); }, order);
  orders_.clear();
}

}  // namespace regatta::run
