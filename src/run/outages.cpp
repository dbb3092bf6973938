#include "outages.hpp"

#include <cmath>

namespace regatta::run {
namespace {

constexpr std::uint64_t outage_stream = 0x6f7574;

}  // namespace

Outages::Outages(const SimulationOptions& options)
    : mean_(options.failure_seconds), repair_(options.repair_seconds) {
  for (std::int32_t i = 0; i < options.workers && mean_ > 0; ++i) {
    streams_.emplace_back(outage_stream, static_cast<std::uint64_t>(i));
    turns_.insert({lifetime(WorkerId{i}), WorkerId{i}});
  }
}

double Outages::next() const { return turns_.empty() ? HUGE_VAL : turns_.begin()->time; }

std::pair<WorkerId, bool> Outages::take() {
  const Turn turn = turns_.extract(turns_.begin()).value();
  const double later = turn.fails ? repair_ : lifetime(turn.worker);
  turns_.insert({turn.time + later, turn.worker, !turn.fails});
  return {turn.worker, turn.fails};
}

double Outages::lifetime(WorkerId worker) {
  return -mean_ * std::log1p(-streams_[static_cast<std::size_t>(worker.value)].uniform());
}

}  // namespace regatta::run
