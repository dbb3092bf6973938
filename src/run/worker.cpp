#include "regatta/run/worker.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>

#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::run {
namespace {

using search::Reason;
using search::TrialState;

Reason reason_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) || dynamic_cast<const device::OutOfDeviceMemory*>(&error))
    return Reason::OutOfMemory;
  const auto* failure = dynamic_cast<const objective::TrialFailure*>(&error);
  if (!failure) return Reason::Crash;
  switch (failure->kind) {
    case objective::FailureKind::Diverged: return Reason::Diverged;
    case objective::FailureKind::OutOfMemory: return Reason::OutOfMemory;
    case objective::FailureKind::Crash: return Reason::Crash;
    case objective::FailureKind::Timeout: return Reason::Timeout;
    case objective::FailureKind::Invalid: return Reason::Invalid;
  }
  return Reason::Crash;
}

}  // namespace

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
    if (!team_) end(message.state, Reason::None, "");  // a team ends together, after its epoch
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
  std::string trouble;
  Reason reason = Reason::None;
  try {
    running_->trainable =
        objective_.start(assign.config, {assign.trial.value, assign.attempt, assign.seed});
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    trouble = error.what();
    reason = reason_of(error);
  }
  running_->load_seconds = running_->clock.seconds();
  if (agree(reason == Reason::None)) return;
  if (reason == Reason::None) trouble = "another rank of the team could not start the trial";
  end(TrialState::Failed, reason == Reason::None ? Reason::Crash : reason, trouble);
}

/// Whether the trial could be set up on all ranks of the team; else none may begin to train, as its sums would wait forever.
bool Worker::agree(bool healthy) {
  if (!team_) return healthy;
  std::array<float, 1> sick{healthy ? 0.0f : 1.0f};
  team_->begin_sum(sick)->wait();
  return sick[0] == 0.0f;
}

void Worker::advance() {
  Report& last = running_->last;
  try {
    const auto progress = running_->trainable->advance();
    if (!progress) return;
    last.epoch = progress->epoch;
    last.value = progress->value;
    last.metrics = progress->metrics;
    last.standard_error = progress->standard_error;
    last.fold_scores = progress->fold_scores;
    const std::int32_t goal = running_->assign.until_epoch;
    if (!std::isfinite(progress->value)) {
      judge(TrialState::Failed, Reason::Diverged, concat("the metric is ", progress->value));
    } else if (progress->finished) {
      judge(TrialState::Completed, Reason::None, "");
    } else if (goal > 0 && progress->epoch >= goal) {
      judge(TrialState::Paused, Reason::None, "");
    } else {
      judge(running_->called_in.value_or(TrialState::Running), Reason::None, "");
    }
  } catch (const objective::WorkerFailure&) {
    throw;
  } catch (const std::exception& error) {
    judge(TrialState::Failed, reason_of(error), error.what());
  }
}

/// What becomes of the trial after an epoch: the leader's word holds for the whole team, which waits for it.
void Worker::judge(TrialState state, Reason reason, const std::string& message) {
  if (!leads()) {
    running_->waits_for_leader = true;
    return;
  }
  running_->last.state = state;
  for (int member = 1; team_ && member < team_->size(); ++member) send(*team_, Rank{member}, running_->last);
  if (state == TrialState::Running) {
    report(running_->last);
  } else {
    end(state, reason, message);
  }
}

void Worker::obey(const Report& order) {
  running_->waits_for_leader = false;
  if (order.state != TrialState::Running) running_.reset();
}

void Worker::end(TrialState state, Reason reason, const std::string& message) {
  Report last = std::move(running_->last);
  last.state = state;
  last.reason = reason;
  last.message = message.substr(0, 1000);
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
