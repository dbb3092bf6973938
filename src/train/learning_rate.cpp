#include <algorithm>
#include <cmath>
#include <numbers>

#include "regatta/train/optimizer.hpp"

namespace regatta::train {

double LearningRate::at(std::int64_t step, std::int64_t steps_per_epoch) const {
  const double per_epoch = static_cast<double>(steps_per_epoch);
  const double epoch = static_cast<double>(step) / per_epoch;
  if (epoch < warmup_epochs)  // the first step already moves
    return base * std::min(1.0, (static_cast<double>(step) + 1) / (warmup_epochs * per_epoch));
  const double since = epoch - warmup_epochs;
  if (kind == ScheduleKind::Step) {
    const double drops = std::floor(since / static_cast<double>(step_epochs));
    return std::max(std::min(base, minimum), base * std::pow(step_factor, drops));
  }
  if (kind == ScheduleKind::Constant) return base;
  const double length = std::max(1e-9, static_cast<double>(epochs) - warmup_epochs);
  const double fall = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, since / length)));
  const double low = std::min(base, minimum);
  return low + (base - low) * fall;
}

double team_rate_factor(TeamRate rule, std::size_t ranks) {
  const auto number = static_cast<double>(ranks);
  return rule == TeamRate::Linear ? number : rule == TeamRate::Root ? std::sqrt(number) : 1;
}

}  // namespace regatta::train
