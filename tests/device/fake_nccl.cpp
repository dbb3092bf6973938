#include "fake_nccl.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

using Id = std::array<char, 128>;

struct Team {
  int size = 0, here = 0;
  std::uint64_t meetings = 0;
  std::vector<std::vector<float>> parts;
};

struct ncclComm {
  Team* team;
  int rank;
};

namespace {

FakeNccl tests;
std::mutex mutex;
std::condition_variable changed;
std::map<Id, Team> teams;

/// Returns when all ranks of the team are here.
void meet(Team& team, std::unique_lock<std::mutex>& lock) {
  const std::uint64_t meeting = team.meetings;
  if (++team.here == team.size) {
    team.here = 0;
    ++team.meetings;
    changed.notify_all();
  }
  changed.wait(lock, [&] { return team.meetings > meeting; });
}

/// Tells the others of `own`, lets `take` read what all have told, and returns when all have.
void exchange(ncclComm* comm, const float* own, std::size_t count, const std::function<void(const Team& team)>& take) {
  tests.before_waiting();
  {
    std::unique_lock lock(mutex);
    Team& team = *comm->team;
    team.parts[static_cast<std::size_t>(comm->rank)].assign(own, own + count);
    meet(team, lock);
    take(team);
    meet(team, lock);
  }
  tests.after_waiting();
}

/// Adds up numbers from number `first` of each rank's on.
void add_up(const Team& team, std::size_t first, float* numbers, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = 0;
    for (const auto& part : team.parts) numbers[i] += part.at(first + i);
  }
}

std::size_t place_of(const ncclComm* comm, std::size_t slice) { return static_cast<std::size_t>(comm->rank) * slice; }

constexpr int invalid_argument = 4, floats = 7, add = 0;

}  // namespace

extern "C" {

FakeNccl* fake_nccl() { return &tests; }

const char* ncclGetErrorString(int) { return "refused by the pretended NCCL"; }

int ncclGetUniqueId(Id* id) {
  static int number = 0;
  const std::lock_guard lock(mutex);
  id->fill('\xff');
  std::memcpy(id->data(), &++number, sizeof number);
  return 0;
}

int ncclCommInitRank(ncclComm** comm, int ranks, Id id, int rank) {
  constexpr int invalid_usage = 5;
  if (tests.refused_rank >= 0)
    return rank == tests.refused_rank ? invalid_usage : (*comm = new ncclComm{nullptr, rank}, 0);
  tests.before_waiting();
  {
    std::unique_lock lock(mutex);
    Team& team = teams[id];
    team.size = ranks;
    team.parts.resize(static_cast<std::size_t>(ranks));
    *comm = new ncclComm{&team, rank};
    meet(team, lock);
  }
  tests.after_waiting();
  return 0;
}

int ncclCommAbort(ncclComm* comm) { return delete comm, 0; }

int ncclAllReduce(const void* from, void* to, std::size_t count, int type, int operation, ncclComm* comm,
                  cudaStream_t stream) {
  if (from != to || type != floats || operation != add) return invalid_argument;
  ++tests.sums;
  auto* numbers = static_cast<float*>(to);
  tests.put_on(stream, [=] {
    exchange(comm, numbers, count, [=](const Team& team) { add_up(team, 0, numbers, count); });
  });
  return 0;
}

int ncclReduceScatter(const void* from, void* to, std::size_t slice, int type, int operation, ncclComm* comm,
                      cudaStream_t stream) {
  const auto* numbers = static_cast<const float*>(from);
  auto* own = static_cast<float*>(to);
  const std::size_t place = place_of(comm, slice);
  if (own != numbers + place || type != floats || operation != add) return invalid_argument;
  ++tests.scattered;
  tests.put_on(stream, [=] {
    exchange(comm, numbers, slice * static_cast<std::size_t>(comm->team->size),
             [=](const Team& team) { add_up(team, place, own, slice); });
  });
  return 0;
}

int ncclAllGather(const void* from, void* to, std::size_t slice, int type, ncclComm* comm, cudaStream_t stream) {
  const auto* own = static_cast<const float*>(from);
  auto* numbers = static_cast<float*>(to);
  if (own != numbers + place_of(comm, slice) || type != floats) return invalid_argument;
  ++tests.gathered;
  tests.put_on(stream, [=] {
    exchange(comm, own, slice, [=](const Team& team) {
      float* next = numbers;
      for (const auto& part : team.parts) next = std::copy(part.begin(), part.end(), next);
    });
  });
  return 0;
}
}
