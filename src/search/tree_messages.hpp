#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "region_tree.hpp"
#include "rule.hpp"

/// What the keeper of a study and the sub-controllers of a divided tree say to each other. The keeper is
/// number 0, sub-controllers count from 1. A domain is a subtree that one of them has.
namespace regatta::search {

/// Keeper -> owner: something has happened in a domain, or a result has come near it (Outside).
struct Observation {
  enum class Kind : std::uint8_t { Begin, Report, End, Result, Change, Outside };
  Kind kind = Kind::Begin;
  std::int32_t domain = 0;
  std::int32_t result = -1;  ///< number among all, of Result and Change
  double loss = 0;           ///< of all but Begin and End
  Config config = {};
};

/// Keeper -> all: the losses by which all transform theirs, ascending.
struct Scale {
  std::vector<double> losses;
};

/// Keeper -> all: results have other losses from now on, by their numbers.
struct AllLosses {
  std::vector<double> losses;
};

/// Keeper -> owner: propose a trial in a domain.
struct AskDomain {
  std::int32_t domain = 0, number = 0;
  Rule rule = Rule::Improvement;
};

/// Owner -> keeper: the proposal; without a configuration where there is nothing new.
struct Offer {
  std::int32_t domain = 0, number = 0;
  Config config = {};
};

/// Owner -> keeper: how a domain stands.
struct DomainSummary {
  std::int32_t domain = 0;
  RegionTree::Summary summary;
};

/// Keeper -> owner: make domains of the children of a domain's root, numbered from `first` on.
struct DivideDomain {
  std::int32_t domain = 0, first = 0;
};

/// Owner -> keeper: it is done.
struct DomainChildren {
  std::int32_t domain = 0, first = 0;
  Split split;
};

/// Keeper -> owner: hand a domain to another sub-controller.
struct GiveDomain {
  std::int32_t domain = 0, to = 0;
};

/// Old owner -> new owner: a domain with all that is known there.
struct Subtree {
  struct Result {
    std::int32_t number = -1;  ///< among all; -1: outside of the domain
    Config config;
    double loss = 0;
  };
  struct Running {
    Config config;
    double loss = 0;       ///< reported last; infinite: nothing yet
    bool offered = false;  ///< a proposal of which the keeper has not said that it runs
  };
  std::int32_t domain = 0;
  RegionTree::Root root;
  std::vector<Result> results;
  std::vector<Running> running;
};

/// The order of the alternatives goes over the wire.
using TreeMessage = std::variant<Observation, Scale, AllLosses, AskDomain, Offer, DomainSummary, DivideDomain,
                                 DomainChildren, GiveDomain, Subtree>;

std::vector<std::byte> encode(TreeMessage message);
/// @throws InvalidInput  bytes that are no such message
TreeMessage decode_tree_message(std::span<const std::byte> bytes);

}  // namespace regatta::search
