#pragma once

#include <memory>
#include <vector>

#include "regatta/comm/communicator.hpp"

namespace regatta::comm {

/// A group whose ranks have several peers each: lane l of rank r is rank r * lanes + l of this one, so lane 0 of rank 0 is its
/// rank 0. All ranks of the group have one with the same number of lanes, or use the group itself in the place of lane 0.
/// Messages keep their way and their packing: both lanes travel in the tag. Not thread-safe.
class LaneGroup {
 public:
  static constexpr int most_lanes = 1024;
  static constexpr int most_tags = 1024;  ///< tags of the lanes are below

  /// @param group  lives longer
  LaneGroup(Communicator& group, int lanes);
  LaneGroup(const LaneGroup&) = delete;
  LaneGroup& operator=(const LaneGroup&) = delete;
  ~LaneGroup();

  /// The communicator of one of this rank's lanes; lives as long as this object. It is drained when the group is, and its sums
  /// are those of the group, in which one lane of each rank takes part.
  Communicator& at(int lane);

 private:
  class Lane;
  void sort(Envelope envelope);

  Communicator& group_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace regatta::comm
