#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "regatta/run/proposals.hpp"
#include "regatta/search/history.hpp"

namespace regatta::run {

/// What the log has to say of a proposal so that it can be made again.
///
/// A proposal is a function of the run's seed, its number, the history that it was made from
/// (TrialCreated::events_seen) and the proposals that it had to avoid beside that. Of most the log tells all
/// this as it is: the number is the proposal's place among all, and those to avoid are the proposals between
/// that history and itself. It is different where one of these was made anew afterwards, and after a searcher
/// that took too long was stood in for.
class Remarks {
 public:
  /// Proposals of an earlier job.
  void skip(std::int32_t proposals) { count_ += proposals; }
  /// To be logged after the creation of a trial.
  /// @param history  before that
  std::vector<search::Note> on(const Proposal& proposal, TrialId trial, const search::History& history);

 private:
  bool told(const Proposal& proposal, const search::History& history) const;

  std::int32_t count_ = 0;  ///< proposals before
  std::vector<std::pair<std::uint64_t, TrialId>>
      births_;  ///< those of this job: length of the history before each
};

}  // namespace regatta::run
