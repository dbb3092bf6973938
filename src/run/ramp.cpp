#include "regatta/run/ramp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regatta::run {
namespace {

constexpr std::size_t least_judged = 4;  // trials
constexpr double worthwhile = 1.1;       // growth of the throughput
constexpr double beyond_noise = 1.64;    // standard errors, of a test at 5 %

}  // namespace

Ramp::Ramp(std::size_t most)
    : most_(most), last_gain_(std::numeric_limits<double>::quiet_NaN()), settled_(most <= 1) {}

bool Ramp::trial_ended(double now, std::optional<double> loss) {
  if (settled_) return false;
  ++ended_;
  if (ended_ == limit_) since_ = now;
  if (loss) compare(*loss);
  const std::size_t judged = std::max(least_judged, limit_);
  if (ended_ < limit_ + judged || !(now > since_)) return false;
  throughput_ = static_cast<double>(ended_ - limit_) / (now - since_);
  last_gain_ = gain_.better / gain_.all;
  ended_ = 0;
  const bool grows = throughput_ > worthwhile * best_ && !worse();
  settled_ = !grows || limit_ == most_;
  if (grows && limit_ == most_) return false;
  best_ = std::max(best_, throughput_);
  if (grows) {
    before_ = limit_;
    gain_before_ = gain_;
  }
  gain_ = {};
  limit_ = grows ? std::min(2 * limit_, most_) : before_;
  return true;
}

/// Without the median of several, nothing can be told of a trial.
void Ramp::compare(double loss) {
  if (losses_.size() >= least_judged && ended_ > limit_) {
    ++gain_.all;
    if (loss < losses_[losses_.size() / 2]) ++gain_.better;
  }
  losses_.insert(std::ranges::upper_bound(losses_, loss), loss);
}

/// Whether a smaller share of the trials is better than the ones before (two proportions, pooled normal test,
/// one-sided).
bool Ramp::worse() const {
  if (gain_.all == 0 || gain_before_.all == 0) return false;
  const double pooled = (gain_.better + gain_before_.better) / (gain_.all + gain_before_.all);
  const double error = std::sqrt(pooled * (1 - pooled) * (1 / gain_.all + 1 / gain_before_.all));
  return gain_before_.better / gain_before_.all - gain_.better / gain_.all > beyond_noise * error;
}

}  // namespace regatta::run
