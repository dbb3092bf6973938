#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace regatta::device {

/// The devices of several processes, one each, that add up numbers without their hosts.
class DeviceTeam {
 public:
  virtual ~DeviceTeam() = default;

  /// Replaces `count` numbers on the backend by their sum over the team, as one of the backend's operations:
  /// in their order, it may return before the work is done, and it may be repeated with others. Collective:
  /// all ranks sum in the same order.
  virtual void sum(float* numbers, std::size_t count) = 0;

  /// The two halves of a sum, in the same way, of `slice` numbers for each rank, one rank's after another's: sums of this
  /// rank's slice, which leave the others as they come; and what each rank has in its slice, on all.
  virtual void sum_slices(float* numbers, std::size_t slice) = 0;
  virtual void share_slices(float* numbers, std::size_t slice) = 0;
};

/// How a backend's device joins teams. What it makes is to be destroyed before the backend.
class DeviceTeams {
 public:
  using Meeting = std::array<std::byte, 128>;

  virtual ~DeviceTeams() = default;

  /// "GPU-xxxxxxxx-...", which no other device in the world has.
  virtual std::string uuid() const = 0;
  /// Why this process can join no team, or empty.
  virtual std::string absence() const = 0;
  /// Where a new team meets: made by one of its ranks and told to all. @throws SystemFailure
  virtual Meeting make_meeting() = 0;
  /// Collective over the team.
  /// @throws SystemFailure  also where two ranks have the same device
  virtual std::unique_ptr<DeviceTeam> join(const Meeting& meeting, int rank, int size) = 0;
};

}  // namespace regatta::device
