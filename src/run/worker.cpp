#include "regatta/run/worker.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "regatta/core/error.hpp"
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
  bool waits_for_leader = false;        ///< on the other ranks of a team, after each epoch
  std::unique_ptr<objective::Trainable> trainable;
};

Worker::Worker(comm::Communicator* controller, comm::Communicator* team, objective::Objective& objective)
    : controller_(controller), team_(team), objective_(objective) {}

Worker::~Worker() = default;

double Worker::step() {
  receive();
  if (!running_ && !inbox_.empty()) {
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
      return;
    case Tag::Report: orders_.push_back(open_report(envelope)); return;
    case Tag::Cancel: cancel(open_cancel(envelope)); return;
    case Tag::Incumbent:
      incumbent_ = open_incumbent(envelope);
      hand_on(*incumbent_);
      return;
    case Tag::Shutdown:
      hand_on(Shutdown{});
      over_ = true;
      if (!team_) running_.reset();  // the controller has given up on it
      return;
  }
  throw InvalidInput(concat("a worker cannot read message ", envelope.tag));
}

void Worker::cancel(const Cancel& message) {
  if (running_ && running_->assign.trial == message.trial) {
    running_->called_in = message.state;
    if (!team_) end({message.state});  // a team ends together, after its epoch
    return;
  }
  const auto waiting = std::ranges::find(inbox_, message.trial, &Assign::trial);
  if (waiting == inbox_.end()) return;  // it has ended meanwhile
  inbox_.erase(waiting);
  Report answer;
  answer.trial = message.trial;
  answer.state = message.state;
  send(*controller_, Rank{0}, answer);
}

void Worker::start(const Assign& assign) {
  if (leads() && team_)
    for (int member = 1; member < team_->size(); ++member) send(*team_, Rank{member}, assign);
  running_ = std::make_unique<Running>();
  running_->assign = assign;
  running_->last.trial = assign.trial;
  Verdict trouble;
  try {
    running_->trainable =
        objective_.start(assign.config, {assign.trial.value, assign.attempt, assign.seed});
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
  std::array<float, 1> sick{healthy ? 0.0f : 1.0f};
  team_->begin_sum(sick)->wait();
  return sick[0] == 0.0f;
}

void Worker::advance() {
  Verdict verdict;
  try {
    const auto progress = running_->trainable->advance();
    if (!progress) return;
    fill(running_->last, *progress);
    verdict = verdict_on(*progress, running_->assign.until_epoch);
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    verdict = verdict_on(error);
  }
  if (verdict.state == TrialState::Running) verdict.state = running_->called_in.value_or(TrialState::Running);
  judge(verdict);
}

/// What becomes of the trial after an epoch: the leader's word holds for the whole team, which waits for it.
void Worker::judge(const Verdict& verdict) {
  if (!leads()) {
    running_->waits_for_leader = true;
    return;
  }
  running_->last.state = verdict.state;
  for (int member = 1; team_ && member < team_->size(); ++member) send(*team_, Rank{member}, running_->last);
  if (verdict.state == TrialState::Running) {
    report(running_->last);
  } else {
    end(verdict);
  }
}

void Worker::obey(const Report& order) {
  running_->waits_for_leader = false;
  if (order.state != TrialState::Running) running_.reset();
}

void Worker::end(const Verdict& verdict) {
  Report last = std::move(running_->last);
  fill(last, verdict);
  report(last);
  running_.reset();
}

void Worker::report(const Report& message) {
  if (!leads()) return;
  Report full = message;
  full.seconds = running_->clock.seconds();
  full.load_seconds = running_->load_seconds;
  if (running_->trainable) full.communicate_seconds = running_->trainable->communicate_seconds();
  send(*controller_, Rank{0}, full);
}

}  // namespace regatta::run
