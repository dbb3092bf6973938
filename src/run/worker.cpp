#include "regatta/run/worker.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>
#include <utility>

#include "regatta/core/error.hpp"
#include "snapshot_store.hpp"
#include "verdict.hpp"

namespace regatta::run {

using search::Reason;
using search::TrialState;

struct Worker::Running {
  Assign assign;
  Stopwatch clock;
  double load_seconds = 0;
  Report last;  ///< what the trial has reached
  std::optional<TrialState> called_in;  ///< the controller's wish to end it so
  std::optional<TrialState> leaves_as;  ///< Paused or Cancelled, once it is ready for that
  bool waits = false;                   ///< it may go on as it is
  bool saves = false;                   ///< into the run directory, after the epoch
  bool waits_for_leader = false;        ///< on the other ranks of a team, after each epoch
  std::unique_ptr<objective::Trainable> trainable;
};

Worker::Worker(comm::Communicator* controller, comm::Communicator* team, objective::Objective& objective,
               const CheckpointOptions& checkpoints, FormTeam form_team, const objective::Place* place)
    : controller_(controller),
      team_(team),
      form_team_(std::move(form_team)),
      objective_(objective),
      place_(place),
      store_(std::make_unique<SnapshotStore>(checkpoints)) {}

Worker::~Worker() = default;

double Worker::step() {
  receive();
  if (!running_ && !inbox_.empty() && ready(inbox_.front())) {
    const Assign assign = std::move(inbox_.front());
    inbox_.pop_front();
    start(assign);
    return 0;
  }
  if (!running_) return HUGE_VAL;
  if (running_->waits_for_leader) {
    if (orders_.empty()) return HUGE_VAL;
    obey(orders_.front());
    orders_.pop_front();
    return 0;
  }
  const double idle = running_->trainable->idle_seconds();
  if (idle > 0) return idle;
  advance();
  return 0;
}

void Worker::wait(double seconds) {
  if (running_ && running_->trainable) running_->trainable->wait(seconds);
  else sleep_for(seconds);
}

bool Worker::finished() const {
  return over_ && !running_ && (!controller_ || controller_->drained()) && (!team_ || team_->drained());
}

void Worker::receive() {
  if (controller_)
    while (const auto envelope = controller_->poll()) handle(*envelope);
  if (team_)
    while (const auto envelope = team_->poll()) handle(*envelope);
}

void Worker::handle(const comm::Envelope& envelope) {
  const auto hand_on = [&](const auto& message) {
    for (int member = 1; leads() && team_ && member < team_->size(); ++member) send(*team_, Rank{member}, message);
  };
  switch (static_cast<Tag>(envelope.tag)) {
    case Tag::Assign:
      inbox_.push_back(open_assign(envelope));  // handed on when it starts: a cancelled one never reaches the team
      set_aside(inbox_.back());
      return;
    case Tag::Report: orders_.push_back(open_report(envelope)); return;
    case Tag::Cancel: cancel(open_cancel(envelope)); return;
    case Tag::Hand:
      hand(open_hand(envelope));
      return;
    case Tag::Checkpoint:
      checkpoint(open_checkpoint(envelope).trial);
      return;
    case Tag::Weights: {
      Weights weights = open_weights(envelope);
      arrived_[weights.trial] = std::move(weights.bytes);
      for (const Hand& each : std::exchange(hands_, {})) hand(each);
      return;
    }
    case Tag::Incumbent:
      incumbent_ = open_incumbent(envelope);
      hand_on(*incumbent_);
      return;
    case Tag::Tree:
    case Tag::Timed:
      return;  // not for workers
    case Tag::Shutdown:
      hand_on(Shutdown{});
      store_->save_all();
      over_ = true;
      resting_.reset();
      if (!team_) running_.reset();  // the controller has given up on it
      return;
  }
  throw InvalidInput(concat("a worker cannot read message ", envelope.tag));
}

void Worker::cancel(const Cancel& message) {
  if (running_ && running_->assign.trial == message.trial) {
    running_->called_in = message.state;
    if (leaves_with_its_work(message.state)) return;
    const bool at_once =
        !team_ && message.state != TrialState::Paused;  // a team ends together, after its epoch
    if (at_once) end({message.state});
    return;
  }
  const auto waiting = std::ranges::find(inbox_, message.trial, &Assign::trial);
  if (waiting == inbox_.end()) {  // it has ended meanwhile, or is paused
    if (message.state != TrialState::Stopped) return;
    store_->drop(message.trial);
    forget_resting(message.trial);
    return;
  }
  if (!waiting->team.empty()) {  // the others are on their way to its team: it ends after its first epoch
    called_in_[message.trial] = message.state;
    return;
  }
  inbox_.erase(waiting);
  arrived_.erase(message.trial);
  Report answer;
  answer.trial = message.trial;
  answer.state = message.state;
  send(*controller_, Rank{0}, answer);
}

/// A trial that is on its way to a pause, or can be saved at any time, does not go without that when the job is interrupted.
bool Worker::leaves_with_its_work(TrialState wish) {
  if (wish != TrialState::Cancelled) return false;
  if (!running_->leaves_as && running_->trainable->saves_at_any_time()) running_->leaves_as = wish;
  return running_->leaves_as.has_value();
}

/// What another trial has saved, as it is now: while this one waits for its turn the other one may go on, end or move.
void Worker::set_aside(const Assign& assign) {
  if (!controller_ || follows(assign) || assign.awaited || !assign.weights.valid() || assign.weights == assign.trial) return;
  if (auto kept = store_->find(assign.weights); !kept.empty()) arrived_[assign.trial] = std::move(kept);
}

/// Whether the trial is to go on here with what another worker has kept of it.
bool Worker::moves_here(TrialId trial) const {
  return std::ranges::any_of(inbox_, [&](const Assign& assign) {
    return assign.trial == trial && assign.weights == trial && assign.awaited;
  });
}

void Worker::hand(const Hand& message) {
  const bool moves = moves_here(message.weights), here = arrived_.contains(message.weights);
  if (moves && !here) return hands_.push_back(message);
  constexpr std::size_t largest = std::size_t{1}
                                  << 30;  // that travels as one message; else the trial starts over
  Weights weights{message.trial, message.to,
                  moves ? arrived_.at(message.weights) : store_->find(message.weights)};
  if (weights.bytes.size() > largest) weights.bytes.clear();
  send(*controller_, message.rank, weights);
  if (message.weights == message.trial) {
    store_->forget(message.weights);
    forget_resting(message.trial);
  }
  push();
}

/// Stays with a large message for a moment: its receiver waits for it, and without calls of MPI, as during an epoch, it would
/// travel piece by piece.
void Worker::push() {
  constexpr double longest = 0.1;  // [s]
  const Stopwatch clock;
  while (!controller_->drained() && clock.seconds() < longest) std::this_thread::yield();
}

void Worker::checkpoint(TrialId trial) {
  if (running_ && running_->assign.trial == trial)
    running_->saves = true;
  else
    store_->save(trial);
}

bool Worker::follows(const Assign& assign) const {
  return !assign.team.empty() && assign.team.front() != controller_->rank().value;
}

/// Whether the weights that it waits for are there, or the leader's word where it follows one, and its team is formed.
bool Worker::ready(const Assign& assign) {
  const bool arrived = arrived_.contains(assign.trial);
  if (assign.team.empty()) return !assign.awaited || arrived;
  if (!follows(assign) && assign.awaited && !arrived) return false;
  if (!controller_->drained()) return false;  // others may wait for what would not leave while this rank waits for its team
  if (!formed_) {
    formed_ = &form_team_(assign.team);
    team_ = formed_->communicator.get();
  }
  return !follows(assign) || arrived;
}

/// The next trial may have another team.
void Worker::leave_team() {
  if (!formed_) return;
  send_words();
  formed_ = nullptr;
  team_ = nullptr;
}

/// What the trial starts from: that of another worker, of this one, or of an earlier job; empty: nothing.
std::vector<std::byte> Worker::take_weights(const Assign& assign) {
  auto arrived = arrived_.extract(assign.trial);
  if (arrived && !arrived.mapped().empty()) return std::move(arrived.mapped());
  if (!leads() || !assign.weights.valid()) return {};
  auto kept = store_->find(assign.weights);
  return kept.empty() && assign.weights != assign.trial ? store_->find(assign.trial) : kept;
}

/// Tells the other ranks of the team what they need to start too.
void Worker::share(const Assign& assign, const std::vector<std::byte>& weights) {
  Assign order = assign;
  order.awaited = !weights.empty();
  for (int member = 1; leads() && team_ && member < team_->size(); ++member) {
    if (order.awaited || formed_) send(*team_, Rank{member}, Weights{assign.trial, WorkerId{}, weights});
    if (!formed_) send(*team_, Rank{member}, order);
  }
}

/// Goes on with the trial that has paused last, if it is this one and can.
bool Worker::wake(const Assign& assign, const std::vector<std::byte>& weights) {
  const std::unique_ptr<Running> rested = std::move(resting_);
  if (!rested || rested->assign.trial != assign.trial || !assign.weights.valid() || team_) return false;
  const bool own = assign.weights == assign.trial;
  if (!own && weights.empty()) return false;
  if (!rested->trainable->go_on(assign.config, own ? std::span<const std::byte>() : weights)) return false;
  running_->trainable = std::move(rested->trainable);
  return true;
}

void Worker::set_up(const Assign& assign, const std::vector<std::byte>& weights) {
  if (wake(assign, weights)) return;
  objective::TrialContext context{assign.trial.value, assign.attempt, assign.seed};
  if (formed_) context.team = team_;
  context.place = formed_ ? &formed_->place : place_;
  running_->trainable = objective_.start(assign.config, context);
  if (!weights.empty()) running_->trainable->load(weights);
}

void Worker::start(const Assign& assign) {
  const std::vector<std::byte> weights = take_weights(assign);
  const bool moved = assign.awaited && assign.weights == assign.trial;
  if (leads() && moved) store_->keep(assign.trial, weights);  // for others that are to start from them
  share(assign, weights);
  running_ = std::make_unique<Running>();
  running_->assign = assign;
  running_->last.trial = assign.trial;
  if (const auto wish = called_in_.extract(assign.trial)) running_->called_in = wish.mapped();
  Verdict trouble;
  try {
    set_up(assign, weights);
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    trouble = verdict_on(error);
  }
  running_->load_seconds = running_->clock.seconds();
  const bool healthy = trouble.state == TrialState::Running;
  if (agree(healthy)) return;
  if (healthy)
    trouble = {TrialState::Failed, Reason::Crash, "another rank of the team could not start the trial"};
  end(trouble);
}

/// Whether the trial could be set up on all ranks of the team; else none may begin to train, as its sums would wait forever.
bool Worker::agree(bool healthy) {
  if (!team_) return healthy;
  send_words();
  std::array<float, 1> sick{healthy ? 0.0f : 1.0f};
  team_->begin_sum(sick)->wait();
  return sick[0] == 0.0f;
}

void Worker::advance() {
  std::optional<Verdict> verdict;
  try {
    verdict = train();
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    verdict = verdict_on(error);
  }
  if (verdict) judge(*verdict);
}

/// The next piece of work. What becomes of the trial, once an epoch is over and, if it pauses there, it is ready for that.
std::optional<Verdict> Worker::train() {
  if (!running_->leaves_as) {
    send_words();
    const auto progress = running_->trainable->advance();
    if (!progress) return {};
    fill(running_->last, *progress);
    Verdict verdict = verdict_on(*progress, running_->assign.until_epoch);
    if (verdict.state == TrialState::Running) verdict.state = running_->called_in.value_or(TrialState::Running);
    if (verdict.state != TrialState::Paused || !leads()) return verdict;
    running_->leaves_as = verdict.state;
  }
  const objective::Rest rest = running_->trainable->pause();
  if (rest == objective::Rest::NotYet) return {};
  running_->waits = rest == objective::Rest::Waiting && !team_;  // a team starts together
  return Verdict{*running_->leaves_as};
}

/// Before this rank waits for its partners in a sum: none of them must wait for a word that has not left.
void Worker::send_words() {
  while (team_ && !team_->drained()) std::this_thread::yield();
}

/// What becomes of the trial after an epoch: the leader's word holds for the whole team, which waits for it.
void Worker::judge(const Verdict& verdict) {
  if (!leads()) {
    running_->waits_for_leader = true;
    return;
  }
  running_->last.state = verdict.state;
  for (int member = 1; team_ && member < team_->size(); ++member) {
    if (running_->saves) send(*team_, Rank{member}, Checkpoint{running_->assign.trial});
    send(*team_, Rank{member}, running_->last);
  }
  send_words();
  if (verdict.state == TrialState::Running) {
    if (running_->saves) keep(TrialState::Running);
    report(running_->last);
  } else {
    end(verdict);
  }
}

void Worker::obey(const Report& order) {
  running_->waits_for_leader = false;
  const bool saves = std::exchange(running_->saves, false) || order.state == TrialState::Paused;
  if (saves && running_->trainable->saves_together()) running_->trainable->save();
  if (order.state == TrialState::Running) return;
  running_.reset();
  leave_team();
}

void Worker::end(const Verdict& verdict) {
  Report last = std::move(running_->last);
  fill(last, verdict);
  keep(verdict.state);
  report(last);
  if (running_->waits && verdict.state == TrialState::Paused) resting_ = std::move(running_);
  running_.reset();
  leave_team();
}

/// The trial goes on elsewhere, or is over.
void Worker::forget_resting(TrialId trial) {
  if (resting_ && resting_->assign.trial == trial) resting_.reset();
}

/// Keeps what a trial needs to go on, before the controller hears of it. What is kept of a trial that is over stays until the
/// controller's word, as another one may be about to start from it.
void Worker::keep(TrialState state) {
  if (!leads()) return;
  const TrialId trial = running_->assign.trial;
  const bool goes_on = state == TrialState::Running || running_->leaves_as == state;
  if (goes_on && running_->trainable) store_->keep(trial, running_->trainable->save());
  if (goes_on && std::exchange(running_->saves, false)) store_->save(trial);
}

void Worker::report(const Report& message) {
  if (!leads()) return;
  Report full = message;
  full.seconds = running_->clock.seconds();
  full.load_seconds = running_->load_seconds;
  if (running_->trainable) {
    full.communicate_seconds = running_->trainable->communicate_seconds();
    full.sums = running_->trainable->sums();
    if (full.state != TrialState::Failed) full.message = running_->trainable->take_message();
  }
  send(*controller_, Rank{0}, full);
}

}  // namespace regatta::run
