#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace regatta {

/// A number that names one kind of thing. Ids of different kinds do not convert into each other, so a rank can
/// never be passed where a trial is meant.
template <class Kind>
struct Id {
  std::int32_t value = -1;  ///< -1: names nothing

  constexpr bool valid() const { return value >= 0; }
  constexpr auto operator<=>(const Id&) const = default;
};

using TrialId = Id<struct TrialKind>;    ///< counts up from 0 in the order of creation
using Rank = Id<struct RankKind>;        ///< place in one communicator
using WorkerId = Id<struct WorkerKind>;  ///< a team of ranks that trains one trial at a time, from 0

}  // namespace regatta

template <class Kind>
struct std::hash<regatta::Id<Kind>> {
  std::size_t operator()(regatta::Id<Kind> id) const noexcept { return std::hash<std::int32_t>{}(id.value); }
};
