#include "regatta/run/speeds.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::run {
namespace {

constexpr double longest_memory = 50;        // trials of all workers that the mean remembers, times workers
constexpr double longest_worker_memory = 5;  // trials that a worker's own mean remembers
constexpr double doubt = 1;  // trials' worth of the belief that a worker is as fast as the others

}  // namespace

void Speeds::take(WorkerId worker, double seconds) {
  if (!(seconds > 0)) return;
  const auto place = static_cast<std::size_t>(worker.value);
  if (place >= workers_.size()) workers_.resize(place + 1);
  const double memory = longest_memory * static_cast<double>(workers_.size());
  const double log_seconds = std::log(seconds);
  trials_ = std::min(trials_ + 1, memory);
  mean_log_ += (log_seconds - mean_log_) / trials_;
  Worker& own = workers_[place];
  own.trials = std::min(own.trials + 1, longest_worker_memory);
  own.log_ratio += (log_seconds - mean_log_ - own.log_ratio) / own.trials;
}

double Speeds::slowness(WorkerId worker) const {
  const auto place = static_cast<std::size_t>(worker.value);
  if (place >= workers_.size()) return 1;
  const Worker& own = workers_[place];
  return std::exp(own.log_ratio * own.trials / (own.trials + doubt));
}

}  // namespace regatta::run
