#include "regatta/train/team_sums.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "staged_sum.hpp"

namespace regatta::train {
namespace {

/// Whether it holds on all ranks.
bool everywhere(comm::Communicator& team, bool here) {
  std::array<float, 1> without{here ? 0.0f : 1.0f};
  team.sum(without);
  return without[0] == 0;
}

/// What all ranks have, one after another; `own` is as long on each.
std::vector<float> gather(comm::Communicator& team, std::span<const float> own) {
  std::vector<float> all(own.size() * static_cast<std::size_t>(team.size()), 0.0f);
  std::ranges::copy(own, all.begin() + static_cast<std::ptrdiff_t>(own.size()) * team.rank().value);
  team.sum(all);
  return all;
}

/// Whether each rank has a device of its own.
bool own_devices(comm::Communicator& team, const std::string& uuid) {
  constexpr std::size_t length = 48;
  std::array<float, length> letters{};
  std::copy_n(uuid.begin(), std::min(uuid.size(), length), letters.begin());
  const std::vector<float> all = gather(team, letters);
  const auto same = [&](std::size_t first, std::size_t second) {
    const auto at = [&](std::size_t rank) {
      return all.begin() + static_cast<std::ptrdiff_t>(rank * length);
    };
    return std::equal(at(first), at(first + 1), at(second));
  };
  for (std::size_t rank = 1; rank < all.size() / length; ++rank)
    for (std::size_t before = 0; before < rank; ++before)
      if (same(before, rank)) return false;
  return true;
}

/// That of rank 0, where it could be made.
device::DeviceTeams::Meeting shared_meeting(comm::Communicator& team, device::DeviceTeams& devices,
                                            std::string& problem) {
  device::DeviceTeams::Meeting meeting{};
  try {
    if (team.rank().value == 0) meeting = devices.make_meeting();
  } catch (const SystemFailure& error) {
    problem = error.what();
  }
  std::array<float, std::tuple_size_v<device::DeviceTeams::Meeting>> numbers{};
  std::ranges::transform(meeting, numbers.begin(),
                         [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  team.sum(numbers);
  std::ranges::transform(numbers, meeting.begin(),
                         [](float number) { return static_cast<std::byte>(number); });
  return meeting;
}

/// Of a sum, after a first one, in which memory is taken.
template <class Sum>
double seconds_of(const Sum& sum) {
  constexpr int times = 3;
  sum();
  const Stopwatch clock;
  for (int i = 0; i < times; ++i) sum();
  return clock.seconds() / times;
}

}  // namespace

SumPath choose_path(SumPath wanted, const SumFacts& facts) {
  const bool any = wanted == SumPath::Auto;
  if (facts.nccl && (any || wanted == SumPath::Nccl)) return SumPath::Nccl;
  if (facts.mpi && (wanted == SumPath::Mpi || (any && facts.mpi_seconds < facts.staged_seconds)))
    return SumPath::Mpi;
  return SumPath::Staged;
}

void TeamSums::Way::sum(device::Backend& backend, comm::Communicator& team, std::span<float> numbers) const {
  if (devices) return devices->sum(numbers.data(), numbers.size());
  backend.synchronise();
  team.sum(numbers);
}

const TeamSums::Way& TeamSums::way_of(comm::Communicator& team, SumPath wanted, std::span<float> numbers) {
  const auto [entry, fresh] = ways_.try_emplace({&team, wanted});
  Way& way = entry->second;
  if (!fresh || wanted == SumPath::Staged) return way;
  SumFacts facts;
  facts.nccl = wanted != SumPath::Mpi && join(team, wanted, way);
  facts.mpi = !facts.nccl && everywhere(team, team.reads_devices());
  if (facts.mpi && wanted == SumPath::Auto) time_sums(team, numbers, facts);
  if (!facts.mpi && wanted == SumPath::Mpi)
    message_ = "gradients of a team pass through memory of the hosts: MPI does not read that of the GPUs";
  way.path = choose_path(wanted, facts);
  return way;
}

/// Whether the devices of all ranks have become a team.
bool TeamSums::join(comm::Communicator& team, SumPath wanted, Way& way) {
  device::DeviceTeams* devices = backend_.teams();
  if (!devices || (wanted == SumPath::Auto && !own_devices(team, devices->uuid()))) return false;
  std::string problem = devices->absence();
  bool joined = everywhere(team, problem.empty());
  if (joined) {
    const auto meeting = shared_meeting(team, *devices, problem);
    joined = everywhere(team, problem.empty());
    if (joined) joined = join_at(meeting, *devices, team, way, problem);
  }
  if (!joined)
    message_ = concat("gradients of a team are not summed from GPU to GPU: ",
                      problem.empty() ? "another of its ranks cannot" : problem);
  return joined;
}

bool TeamSums::join_at(const device::DeviceTeams::Meeting& meeting, device::DeviceTeams& devices,
                       comm::Communicator& team, Way& way, std::string& problem) {
  try {
    way.devices = devices.join(meeting, team.rank().value, team.size());
  } catch (const SystemFailure& error) {
    problem = error.what();
  }
  const bool joined = everywhere(team, way.devices != nullptr);
  if (!joined) way.devices.reset();
  return joined;
}

void TeamSums::time_sums(comm::Communicator& team, std::span<float> numbers, SumFacts& facts) {
  StagedSum staged(backend_, team, numbers.size());
  const Way by_mpi;
  std::array<float, 2> seconds{static_cast<float>(seconds_of([&] { by_mpi.sum(backend_, team, numbers); })),
                               static_cast<float>(seconds_of([&] { staged(numbers); }))};
  team.sum(seconds);
  facts.mpi_seconds = static_cast<double>(seconds[0]) / team.size();
  facts.staged_seconds = static_cast<double>(seconds[1]) / team.size();
}

}  // namespace regatta::train
