#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "regatta/comm/communicator.hpp"
#include "regatta/device/backend.hpp"

namespace regatta::train {

/// How the ranks of a team add up gradients that lie in the memory of GPUs.
enum class SumPath : std::int32_t {
  Auto,    ///< the best one that there is
  Nccl,    ///< from GPU to GPU, as one of the backend's operations
  Mpi,     ///< MPI reads the memory of the GPUs
  Staged,  ///< by way of the hosts
};

/// What the ranks of a team have found out together.
struct SumFacts {
  bool nccl = false;                           ///< they have joined an NCCL team
  bool mpi = false;                            ///< their MPI reads the memory of GPUs
  double mpi_seconds = 0, staged_seconds = 0;  ///< of a sum, the mean of all ranks; for Auto
};
/// @param wanted  taken where it can be; else Staged
SumPath choose_path(SumPath wanted, const SumFacts& facts);

/// The paths of the teams that a rank sums with, each found once.
class TeamSums {
 public:
  /// A path, and what is needed to go it.
  struct Way {
    SumPath path = SumPath::Staged;
    std::unique_ptr<device::DeviceTeam> devices;  ///< Nccl

    /// Over the team, of numbers on the backend. Not for Staged.
    void sum(device::Backend& backend, comm::Communicator& team, std::span<float> numbers) const;
  };

  /// @param backend  lives longer, whose memory is not the host's
  explicit TeamSums(device::Backend& backend) : backend_(backend) {}

  /// Collective over the team when it is first asked for.
  /// @param team     lives longer
  /// @param numbers  on the backend, as many as will be summed; sums of them are timed, and what they were is
  /// lost
  const Way& way_of(comm::Communicator& team, SumPath wanted, std::span<float> numbers);

  /// Why a path was not taken that was wanted or might have been expected, as a sentence; once, else empty.
  std::string take_message() { return std::exchange(message_, {}); }

 private:
  bool join(comm::Communicator& team, SumPath wanted, Way& way);
  bool join_at(const device::DeviceTeams::Meeting& meeting, device::DeviceTeams& devices,
               comm::Communicator& team, Way& way, std::string& problem);
  void time_sums(comm::Communicator& team, std::span<float> numbers, SumFacts& facts);

  device::Backend& backend_;
  std::map<std::pair<comm::Communicator*, SumPath>, Way> ways_;
  std::string message_;
};

}  // namespace regatta::train
