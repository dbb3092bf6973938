#include "regatta/run/ramp.hpp"

#include <algorithm>

namespace regatta::run {
namespace {

constexpr std::size_t least_judged = 4;  // trials
constexpr double worthwhile = 1.1;       // growth of the throughput

}  // namespace

Ramp::Ramp(std::size_t most) : most_(most), settled_(most <= 1) {}

bool Ramp::trial_ended(double now) {
  if (settled_) return false;
  ++ended_;
  if (ended_ == limit_) since_ = now;
  const std::size_t judged = std::max(least_judged, limit_);
  if (ended_ < limit_ + judged || !(now > since_)) return false;
  throughput_ = static_cast<double>(ended_ - limit_) / (now - since_);
  ended_ = 0;
  const bool grows = throughput_ > worthwhile * best_;
  settled_ = !grows || limit_ == most_;
  if (grows && limit_ == most_) return false;
  best_ = std::max(best_, throughput_);
  if (grows) before_ = limit_;
  limit_ = grows ? std::min(2 * limit_, most_) : before_;
  return true;
}

}  // namespace regatta::run
