#include "regatta/run/remarks.hpp"

#include <algorithm>

namespace regatta::run {

std::vector<search::Note> Remarks::on(const Proposal& proposal, TrialId trial,
                                      const search::History& history) {
  std::vector<search::Note> notes;
  if (proposal.made.number >= 0 && (proposal.made.filled_in || !told(proposal, history))) {
    std::vector<double> values{static_cast<double>(trial.value), static_cast<double>(proposal.made.number)};
    if (!proposal.made.filled_in)
      for (const search::Config& config : proposal.made.avoided)
        values.insert(values.end(), config.begin(), config.end());
    notes.push_back(
        {proposal.made.filled_in ? search::filled_note : search::avoided_note, std::move(values)});
  }
  births_.emplace_back(history.events(), trial);
  ++count_;
  return notes;
}

bool Remarks::told(const Proposal& proposal, const search::History& history) const {
  const auto first = std::ranges::lower_bound(births_, proposal.events_seen, {},
                                              [](const auto& birth) { return birth.first; });
  const auto same = [&](const auto& birth, const search::Config& config) {
    return search::same_config(history[birth.second].config, config);
  };
  return proposal.made.number == count_ &&
         std::equal(first, births_.end(), proposal.made.avoided.begin(), proposal.made.avoided.end(), same);
}

}  // namespace regatta::run
