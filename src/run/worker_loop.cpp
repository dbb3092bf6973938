#include "worker_loop.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "regatta/core/text.hpp"
#include "regatta/run/backoff.hpp"

namespace regatta::run {
double polling_ceiling(const JobFacts& facts, Rank rank) {
  const RankInfo& mine = facts.ranks[static_cast<std::size_t>(rank.value)];
  const auto on_node = std::ranges::count(facts.ranks, mine.host, &RankInfo::host);
  const double ranks_per_core = static_cast<double>(on_node) / std::max<double>(1, std::ssize(mine.cores));
  return std::clamp(ranks_per_core / 8, 1.0, 10.0) * 1e-3;
}

void load_only(const StudyPlan& plan, comm::NodeMemory& memory) {
  const auto objective = objective::make_objective(plan.objective, plan.space);
  objective->prepare({nullptr, &memory, nullptr});
}

void wait_for_shutdown(comm::Communicator& controller, double ceiling) {
  Backoff backoff(ceiling);
  while (true) {
    const auto envelope = controller.poll();
    if (envelope && envelope->tag == static_cast<int>(Tag::Shutdown)) return;
    backoff.wait(ceiling);
  }
}

namespace {

/// Writes what a rank was told last, in one piece.
void show(const Incumbent& incumbent, const std::string& metric, const space::Space& space) {
  std::cerr << concat("told of trial ", incumbent.trial.value, ": ", metric, " = ", format_short(incumbent.value), ", ",
                      space.text(incumbent.config), "\n")
            << std::flush;
}

/// @param loaded  called once the data is there
template <class Loaded>
void live(const StudyPlan& plan, const JobFacts& facts, Rank rank, comm::Communicator* controller,
          const TeamView& team, comm::NodeMemory& memory, FormTeam form_team, Loaded loaded) {
  std::unique_ptr<device::Backend> backend;
  const auto objective = objective::make_objective(plan.objective, plan.space);
  const int gpu = facts.layout.gpu[static_cast<std::size_t>(rank.value)];
  if (objective->computes_here()) backend = gpu >= 0 ? device::make_cuda_backend(gpu) : device::make_cpu_backend();
  objective->prepare(
      {backend.get(), &memory, team.all, place_of(plan, facts, rank), team.replicas, team.parts});
  loaded();
  Worker worker(controller, team.all, *objective, plan.checkpoints, std::move(form_team));
  Backoff backoff(polling_ceiling(facts, rank));
  TrialId shown;
  while (!worker.finished()) {
    const double idle = worker.step();
    if (plan.show_incumbent && worker.incumbent() && worker.incumbent()->trial != shown) {
      shown = worker.incumbent()->trial;
      show(*worker.incumbent(), plan.header.metric, plan.space);
    }
    if (idle == 0) {
      backoff.event();
    } else {
      worker.wait(backoff.pause(idle));
    }
  }
}

}  // namespace

objective::Place place_of(const StudyPlan& plan, const JobFacts& facts, Rank rank, const TeamPlan* team) {
  const auto& ranks = facts.ranks;
  const std::string& host = ranks[static_cast<std::size_t>(rank.value)].host;
  objective::Place place;
  place.launcher = plan.launcher;
  place.directory = std::filesystem::absolute(plan.log.directory);
  for (const TeamPlan& each : facts.layout.teams) {
    const Rank leader = each.ranks.front();
    if (std::ranges::find(each.ranks, rank) != each.ranks.end())
      team = team ? team : &each;
    else if (leader < rank && ranks[static_cast<std::size_t>(leader.value)].host == host)
      ++place.slot;
  }
  place.ranks = static_cast<int>(team->ranks.size());
  auto shares = divide_cores(ranks, facts.layout, host, physical_core);
  for (const Rank member : team->ranks) {
    const auto index = static_cast<std::size_t>(member.value);
    if (ranks[index].host != host) continue;
    place.bound_to.insert(place.bound_to.end(), shares[member].begin(), shares[member].end());
    if (const int gpu = facts.layout.gpu[index]; gpu >= 0)
      place.gpus.push_back(ranks[index].gpu_uuids[static_cast<std::size_t>(gpu)]);
  }
  const auto own = std::max<std::size_t>(1, place.bound_to.size());
  const auto cores = plan.layout.cores_per_trial > 0 ? static_cast<std::size_t>(plan.layout.cores_per_trial) : own;
  place.cores = static_cast<int>(cores);
  place.bound_to.resize(plan.layout.bind_cores && cores <= own ? std::min(cores, place.bound_to.size()) : 0);
  return place;
}

void work(const StudyPlan& plan, const JobFacts& facts, Rank rank, comm::Communicator* controller,
          const TeamView& team, comm::NodeMemory& memory, FormTeam form_team) {
  live(plan, facts, rank, controller, team, memory, std::move(form_team), [] {});
}

WorkerThread::WorkerThread(const StudyPlan& plan, const JobFacts& facts, comm::NodeMemory& memory) : memory_(memory) {
  thread_ = std::thread([this, &plan, &facts] {
    try {
      live(plan, facts, Rank{0}, &group_.at(Rank{1}), {}, memory_, {}, [this] { memory_.close(); });
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    memory_.close();
  });
  memory_.serve();
}

WorkerThread::~WorkerThread() {
  send(link(), Rank{1}, Shutdown{});  // a second one does no harm
  thread_.join();
}

void WorkerThread::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace regatta::run
