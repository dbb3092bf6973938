#include "lane_choice.hpp"

#include <algorithm>
#include <future>

#include "regatta/core/json.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/run/backoff.hpp"
#include "regatta/run/messages.hpp"

namespace regatta::run {
namespace {

std::size_t index(Rank rank) { return static_cast<std::size_t>(rank.value); }

Rank timing_rank(const Layout& layout) {
  const auto with_gpu = [&](const TeamPlan& team) { return layout.gpu[index(team.ranks.front())] >= 0; };
  const auto found = std::ranges::find_if(layout.teams, with_gpu);
  return (found == layout.teams.end() ? layout.teams.front() : *found).ranks.front();
}

/// The ranks that share the memory that this one computes in, itself among them.
int sharing(const std::vector<RankInfo>& ranks, const Layout& layout, Rank rank) {
  const auto place = [&](Rank each) {
    const int gpu = layout.gpu[index(each)];
    return std::pair(ranks[index(each)].host,
                     gpu < 0 ? "" : ranks[index(each)].gpu_uuids[static_cast<std::size_t>(gpu)]);
  };
  return static_cast<int>(std::ranges::count_if(layout.teams, [&](const TeamPlan& team) {
    return team.lane == 0 && place(team.ranks.front()) == place(rank);
  }));
}

std::vector<objective::LaneSpeed> time_here(const StudyPlan& plan, const std::vector<RankInfo>& ranks,
                                            const Layout& layout, Rank rank) {
  const int gpu = layout.gpu[index(rank)];
  const auto backend = gpu >= 0 ? device::make_cuda_backend(gpu) : device::make_cpu_backend();
  const auto objective = objective::make_objective(plan.objective, plan.space);
  return objective->time_lanes(*backend, layout.lanes, sharing(ranks, layout, rank));
}

/// By a thread of its own, since a backend may change how its thread computes.
TimedLanes timed_here(const StudyPlan& plan, const std::vector<RankInfo>& ranks, const Layout& layout,
                      Rank rank) {
  try {
    return {std::async(std::launch::async, [&] { return time_here(plan, ranks, layout, rank); }).get(), ""};
  } catch (const std::exception& error) {
    return {{}, error.what()};
  }
}

void wait_for_word(comm::Communicator& world) {
  constexpr double ceiling = 1e-3;
  Backoff backoff(ceiling);
  while (!world.poll()) backoff.wait(ceiling);
}

void wake_others(comm::Communicator& world) {
  for (int other = 0; other < world.size(); ++other)
    if (Rank{other} != world.rank()) world.post(Rank{other}, static_cast<int>(Tag::Timed), {});
  while (!world.drained()) static_cast<void>(world.poll());
}

}  // namespace

int best_lanes(std::span<const objective::LaneSpeed> speeds) {
  constexpr double clearly = 1.1;
  objective::LaneSpeed best;
  for (const objective::LaneSpeed& speed : speeds)
    if (speed.lanes == 1 || speed.steps_per_second > clearly * best.steps_per_second) best = speed;
  return best.lanes;
}

std::string TimedLanes::encode() const {
  Json pairs = Json::array();
  for (const objective::LaneSpeed& speed : speeds) pairs.push_back({speed.lanes, speed.steps_per_second});
  return Json{{"speeds", pairs}, {"problem", problem}}.dump();
}

TimedLanes TimedLanes::decode(const std::string& text) {
  const Json json = Json::parse(text);
  TimedLanes timed{{}, json.at("problem")};
  for (const Json& pair : json.at("speeds")) timed.speeds.push_back({pair.at(0), pair.at(1)});
  return timed;
}

TimedLanes time_lanes(const StudyPlan& plan, const std::vector<RankInfo>& ranks, const Layout& layout,
                      comm::Session* session) {
  const Rank timing = timing_rank(layout), own = session ? session->world().rank() : Rank{0};
  TimedLanes timed;
  if (own == timing) timed = timed_here(plan, ranks, layout, own);
  if (!session || session->world().size() == 1) return timed;
  if (own == timing)
    wake_others(session->world());
  else
    wait_for_word(session->world());
  return TimedLanes::decode(
      session->world().all_gather(timed.encode())[index(timing)]);  // no rank goes on before all have woken
}

}  // namespace regatta::run
