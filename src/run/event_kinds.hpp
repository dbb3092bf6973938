#pragma once

#include <algorithm>
#include <vector>

#include "regatta/search/event.hpp"
#include "regatta/search/history.hpp"

namespace regatta::run {

/// A trial that the searcher has proposed. Proposals are numbered apart from trials, since the user's trials
/// come between them.
inline bool is_proposal(const search::Event& event) {
  const auto* created = std::get_if<search::TrialCreated>(&event);
  return created && created->origin == search::Origin::Searcher;
}

/// What a searcher that learns would have liked to know before.
inline bool is_result(const search::Event& event) {
  const auto* created = std::get_if<search::TrialCreated>(&event);
  return std::holds_alternative<search::TrialEnded>(event) ||
         (created && created->origin == search::Origin::User);
}

/// Takes the configuration of a proposal that has become a trial off those that wait for that.
/// @return false: it was not among them
inline bool erase_born(std::vector<search::Config>& unborn, const search::Event& proposal) {
  const search::Config& config = std::get<search::TrialCreated>(proposal).config;
  const auto same = std::ranges::find_if(
      unborn, [&](const search::Config& other) { return search::same_config(other, config); });
  if (same == unborn.end()) return false;
  unborn.erase(same);
  return true;
}

}  // namespace regatta::run
