#pragma once

#include <span>
#include <string>
#include <vector>

#include "regatta/comm/session.hpp"
#include "regatta/run/study.hpp"

namespace regatta::run {

/// The fewest lanes that none of the others is clearly faster than; 1 without any.
/// @param speeds  ascending by lanes
int best_lanes(std::span<const objective::LaneSpeed> speeds);

/// What the first rank that works, of those with a GPU where there are any, has found out about lanes on its
/// device.
struct TimedLanes {
  std::vector<objective::LaneSpeed> speeds;  ///< ascending by lanes; empty: nothing could be timed
  std::string problem;                       ///< why, where something went wrong

  std::string encode() const;
  static TimedLanes decode(const std::string& text);
};

/// Times up to `layout.lanes` lanes. Collective; the ranks that wait sleep meanwhile, so that they disturb
/// nothing.
TimedLanes time_lanes(const StudyPlan& plan, const std::vector<RankInfo>& ranks, const Layout& layout,
                      comm::Session* session);

}  // namespace regatta::run
