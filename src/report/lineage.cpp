#include "lineage.hpp"

#include <algorithm>

namespace regatta::report {
namespace {

/// A change, and the epoch of the weights that the trial went on with.
struct Turn {
  search::TrialChanged change;
  std::int32_t after = 0;
};

/// The changes of a trial in order, its beginning left out. Weights of another trial may have come farther
/// than the trial itself: its next report tells.
std::vector<Turn> turns_of(const log::Study& study, TrialId trial) {
  std::vector<Turn> turns;
  for (const search::TrialChanged& change : study.changes) {
    if (change.trial != trial || change.epoch == 0) continue;
    std::int32_t after = change.epoch;
    for (const search::TrialReported& report : study.reports)
      if (report.trial == trial && report.epoch > change.epoch) {
        after = report.epoch - 1;
        break;
      }
    turns.push_back({change, change.donor.valid() ? after : 0});
  }
  return turns;
}

search::Config beginning_of(const log::Study& study, TrialId trial) {
  const auto first = std::ranges::find_if(study.changes, [&](const search::TrialChanged& change) {
    return change.trial == trial && change.epoch == 0;
  });
  return first == study.changes.end() ? study.history[trial].config : first->config;
}

/// What the weights of `trial` were trained with until `epoch`, by its first `known` changes at most.
std::vector<Stretch> lineage_until(const log::Study& study, TrialId trial, std::int32_t epoch,
                                   std::size_t known) {
  const std::vector<Turn> turns = turns_of(study, trial);
  std::size_t last = std::min(known, turns.size());
  while (last > 0 && turns[last - 1].after >= epoch) --last;
  if (last == 0) return {{0, beginning_of(study, trial)}};
  const Turn& turn = turns[last - 1];
  const TrialId donor = turn.change.donor;
  std::vector<Stretch> stretches;
  if (donor == trial)
    stretches = lineage_until(study, trial, turn.after, last - 1);
  else if (donor.valid())
    stretches = lineage_until(study, donor, turn.after, turns_of(study, donor).size());
  stretches.push_back({turn.after, turn.change.config});
  return stretches;
}

}  // namespace

std::vector<Stretch> lineage(const log::Study& study, TrialId trial) {
  return lineage_until(study, trial, study.history[trial].epochs, turns_of(study, trial).size());
}

}  // namespace regatta::report
