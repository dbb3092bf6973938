#pragma once

#include "regatta/search/event.hpp"

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

}  // namespace regatta::run
