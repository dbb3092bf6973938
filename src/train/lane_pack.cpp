#include "regatta/train/lane_pack.hpp"

namespace regatta::train {

void LanePack::submitted() {
  ++waiting_;
  idle_visits_ = 0;
  if (waiting_ == seats_.size()) start();
}

/// Seats that have ended an epoch ask again in the next turn; the others give them that long.
void LanePack::visited() {
  if (running_ == 0 && ++idle_visits_ > waiting_) start();
}

void LanePack::start() {
  if (running_ > 0) return;
  std::vector<device::Lane> lanes;
  for (const LaneSeat* seat : seats_)
    if (seat->state_ == LaneSeat::State::Waiting) lanes.push_back(seat->lane_);
  engine_->start(lanes);
  for (LaneSeat* seat : seats_)
    if (seat->state_ == LaneSeat::State::Waiting) seat->state_ = LaneSeat::State::Running;
  running_ = lanes.size();
  waiting_ = 0;
}

void LanePack::finish() {
  engine_->wait();
  for (LaneSeat* seat : seats_)
    if (seat->state_ == LaneSeat::State::Running) seat->state_ = LaneSeat::State::Done;
  running_ = 0;
}

LaneSeat::LaneSeat(LanePack& pack, std::size_t results)
    : pack_(pack), numbers_(pack.engine_->allocate(first_result + results)) {
  pack_.seats_.push_back(this);
}

LaneSeat::~LaneSeat() {
  try {
    if (state_ == State::Running) pack_.finish();
  } catch (const std::exception&) {
    // the device is broken, which the next call to it tells
  }
  if (state_ == State::Waiting) --pack_.waiting_;
  std::erase(pack_.seats_, this);
  pack_.engine_->release(numbers_);
}

void LaneSeat::submit(const device::Lane& lane) {
  lane_ = lane;
  lane_.loss_sum = numbers_;
  state_ = State::Waiting;
  pack_.submitted();
}

bool LaneSeat::collect() {
  if (state_ == State::Waiting) pack_.visited();
  else if (state_ == State::Running) pack_.finish();
  if (state_ != State::Done) return false;
  state_ = State::Idle;
  return true;
}

}  // namespace regatta::train
