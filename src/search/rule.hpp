#pragma once

#include <cstdint>

#include "landscape.hpp"
#include "regatta/search/history.hpp"

namespace regatta::search {

/// What a proposal of a Bayesian searcher maximises. Numbers that reach the wire: never renumber.
enum class Rule : std::uint8_t { Improvement = 0, Mean = 1, Confidence = 2, Sample = 3 };

/// Of as many proposals in a row one takes the least mean, which makes the most of what is known.
constexpr std::int32_t turns = 4;

/// The rule of a proposal by search.acquisition.
/// @param number  of the proposal
Rule rule_of(const BayesianOptions& options, const History& history, std::int32_t number);

/// The landscape of a rule.
/// @param results  that are known
Landscape::Setting terrain_of(Rule rule, const BayesianOptions& options, std::size_t results);

}  // namespace regatta::search
