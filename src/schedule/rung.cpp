#include "rung.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regatta::schedule {

double loss_of(const search::History& history, double value) {
  const double loss = history.maximize() ? -value : value;
  return std::isfinite(loss) ? loss : std::numeric_limits<double>::infinity();
}

std::vector<std::int32_t> geometric_milestones(double first, double eta, std::int32_t last) {
  std::vector<std::int32_t> milestones;
  for (double epoch = first; std::llround(epoch) < last; epoch *= eta) {
    const auto rounded = static_cast<std::int32_t>(std::llround(epoch));
    if (milestones.empty() || rounded > milestones.back()) milestones.push_back(rounded);
  }
  return milestones;
}

void Rung::insert(Entry entry) {
  const auto room = static_cast<std::size_t>(static_cast<double>(size() + 1) / eta_);
  const std::size_t wanted = std::max(least_, room);
  rest_.insert(entry);
  if (best_.size() < wanted) raise();  // there is always one more entry than before
  if (!best_.empty() && !rest_.empty() && *rest_.begin() < *best_.rbegin()) {
    const Entry worst = *best_.rbegin();
    best_.erase(worst);
    candidates_.erase(worst);
    raise();
    rest_.insert(worst);
  }
}

/// The best of the rest becomes one of the best.
void Rung::raise() {
  const Entry entry = *rest_.begin();
  rest_.erase(entry);
  best_.insert(entry);
  candidates_.insert(entry);
}

}  // namespace regatta::schedule
