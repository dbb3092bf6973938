#include "pb2_scheduler.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::schedule {
namespace {

constexpr std::size_t window = 60;  // gains that the model sees, the latest ones
constexpr std::size_t least_gains = 4;
constexpr int spread = 60, close = 20, rounds = 2;  // candidates anywhere; near the best one, in each round
constexpr double nearness = 0.1;                    // standard deviation of these in unit coordinates
constexpr double below_one = 1.0 - 0x1p-53;
// Confidence grows with the number t of gains as sqrt(c1 ln(c2 t)): the constants of the authors' code.
constexpr double c1 = 0.2, c2 = 0.4;

}  // namespace

search::Config Pb2Scheduler::explore(const search::History& history, TrialId donor, Random& random) {
  follow(history);
  if (gains_.size() < least_gains) return PbtScheduler::explore(history, donor, random);
  const search::Config& config = history[donor].config;
  search::Config best = PbtScheduler::explore(history, donor, random);
  const TimeVaryingProcess belief = process(history, donor);
  for (int round = 0; round <= rounds; ++round) {
    std::vector<search::Config> candidates{best};
    for (int i = 0; i < (round == 0 ? spread : close); ++i) {
      const auto entry_of = [&](std::size_t index, double entry) {
        const space::Parameter& parameter = space().parameters()[index];
        if (parameter.discrete()) return round == 0 ? mutated(parameter, entry, random) : best[index];
        const double near = parameter.encode(best[index]) + nearness * random.normal();
        return parameter.decode(round == 0 ? random.uniform() : std::clamp(near, 0.0, below_one));
      };
      if (auto candidate = changed(config, entry_of)) candidates.push_back(std::move(*candidate));
    }
    best = best_of(belief, places_[static_cast<std::size_t>(donor.value)], candidates);
  }
  return best;
}

/// That with the highest bound.
search::Config Pb2Scheduler::best_of(const TimeVaryingProcess& belief, const Place& place,
                                     const std::vector<search::Config>& candidates) const {
  const double confidence = std::sqrt(c1 * std::log(std::max(1.0, c2 * static_cast<double>(gains_.size()))));
  const auto bound = [&](const search::Config& config) {
    const auto [mean, deviation] = belief.predict(features(place.epoch, place.loss, config));
    return mean + confidence * deviation;
  };
  return *std::ranges::max_element(candidates, {}, bound);
}

TimeVaryingProcess Pb2Scheduler::process(const search::History& history, TrialId donor) const {
  const std::size_t first = gains_.size() > window ? gains_.size() - window : 0;
  std::vector<std::vector<double>> points, running;
  std::vector<double> values;
  for (std::size_t i = first; i < gains_.size(); ++i) {
    const Gain& gain = gains_[i];
    points.push_back(
        features(gain.epoch, gain.loss, gain.config ? *gain.config : history[gain.trial].config));
    values.push_back(gain.per_epoch);
  }
  for (const TrialId id : history.unfinished()) {
    const auto index = static_cast<std::size_t>(id.value);
    if (id == donor || index >= places_.size() || places_[index].epoch == 0) continue;
    running.push_back(features(places_[index].epoch, places_[index].loss, history[id].config));
  }
  return TimeVaryingProcess(points, values, running);
}

std::vector<double> Pb2Scheduler::features(double epoch, double loss, const search::Config& config) const {
  const double range = highest_ > lowest_ ? highest_ - lowest_ : 1;
  std::vector<double> result{epoch / epochs(), (loss - lowest_) / range};
  for (const std::size_t index : mutable_parameters())
    result.push_back(std::isnan(config[index]) ? 0.5 : space().parameters()[index].encode(config[index]));
  return result;
}

/// Reports and changes in the order in which they came.
void Pb2Scheduler::follow(const search::History& history) {
  const auto& changes = history.changes();
  while (reports_followed_ < history.reports().size() || changes_followed_ < changes.size()) {
    const bool change_first =
        changes_followed_ < changes.size() && changes[changes_followed_].reports <= reports_followed_;
    if (change_first)
      follow_change(changes[changes_followed_++]);
    else
      follow_report(history, history.reports()[reports_followed_++]);
  }
}

void Pb2Scheduler::follow_report(const search::History& history, const search::CurvePoint& report) {
  const double loss = loss_of(history, report.value);
  if (report.epoch % interval() != 0 || !std::isfinite(loss)) return;
  Place& place = place_of(report.trial);
  if (place.epoch > 0 && report.epoch > place.epoch)
    gains_.push_back({report.trial,
                      static_cast<double>(place.epoch),
                      place.loss,
                      (place.loss - loss) / (report.epoch - place.epoch),
                      {}});
  place = {report.epoch, loss};
  lowest_ = std::min(lowest_, loss);
  highest_ = std::max(highest_, loss);
}

/// The trial goes on from where its donor is.
void Pb2Scheduler::follow_change(const search::Change& change) {
  for (Gain& gain : gains_)
    if (gain.trial == change.trial && !gain.config) gain.config = change.before;
  const Place donor = change.donor.valid() ? place_of(change.donor) : Place{};
  place_of(change.trial) = donor;
}

Pb2Scheduler::Place& Pb2Scheduler::place_of(TrialId trial) {
  const auto index = static_cast<std::size_t>(trial.value);
  if (index >= places_.size()) places_.resize(index + 1);
  return places_[index];
}

}  // namespace regatta::schedule
