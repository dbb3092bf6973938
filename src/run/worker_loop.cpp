#include "worker_loop.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "regatta/comm/lane_group.hpp"
#include "regatta/core/text.hpp"
#include "regatta/run/backoff.hpp"

namespace regatta::run {

double polling_ceiling(const JobFacts& facts, Rank rank) {
  const RankInfo& mine = facts.ranks[static_cast<std::size_t>(rank.value)];
  const auto on_node = std::ranges::count(facts.ranks, mine.host, &RankInfo::host);
  const double ranks_per_core = static_cast<double>(on_node) / static_cast<double>(std::max<std::size_t>(1, mine.cores.size()));
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

/// Where the programs of a rank's team run, bound to all of its cores.
objective::Place place_of_rank(const StudyPlan& plan, const JobFacts& facts, Rank rank, const TeamPlan* team) {
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
  return place;
}

/// Its programs have a slot of their own and are bound to their share of the rank's cores, where there is one.
objective::Place place_of_lane(objective::Place place, int lane, int lanes, const LayoutOptions& options) {
  place.slot += lane;
  place.bound_to = share_of(place.bound_to, static_cast<std::size_t>(lane), static_cast<std::size_t>(lanes));
  const std::size_t own = place.bound_to.size();
  const std::size_t told = options.cores_per_trial > 0 ? static_cast<std::size_t>(options.cores_per_trial)
                                                       : std::max<std::size_t>(1, own);
  place.cores = static_cast<int>(told);
  place.bound_to.resize(options.bind_cores && told <= own ? told : 0);
  return place;
}

/// Programs of lanes run at once, so each lane has a helper of its own.
std::vector<objective::Place> places_of_lanes(const StudyPlan& plan, const JobFacts& facts, Rank rank) {
  const objective::Place all = place_of_rank(plan, facts, rank, nullptr);
  std::vector<objective::Place> places;
  for (int lane = 0; lane < facts.layout.lanes; ++lane) {
    objective::Place& place = places.emplace_back(place_of_lane(all, lane, facts.layout.lanes, plan.layout));
    if (place.launcher) place.launcher = &place.launcher->another();
  }
  return places;
}

/// The workers of a rank: one, or one for each of its lanes, which share the objective.
class Lanes {
 public:
  Lanes(const StudyPlan& plan, const JobFacts& facts, Rank rank, comm::Communicator* controller,
        comm::Communicator* team, objective::Objective& objective, FormTeam form_team) {
    const int lanes = facts.layout.lanes;
    if (lanes == 1) {
      workers_.push_back(std::make_unique<Worker>(controller, team, objective, plan.checkpoints, std::move(form_team)));
      return;
    }
    links_.emplace(*controller, lanes);
    places_ = places_of_lanes(plan, facts, rank);
    CheckpointOptions share = plan.checkpoints;
    share.memory /= static_cast<std::uint64_t>(lanes);
    for (int lane = 0; lane < lanes; ++lane)
      workers_.push_back(std::make_unique<Worker>(&links_->at(lane), nullptr, objective, share, FormTeam(),
                                                  &places_[static_cast<std::size_t>(lane)]));
  }

  /// Each worker's next piece of work.
  /// @return how long nothing is to be done unless a message comes [s]; 0: call again at once
  double step() {
    double idle = HUGE_VAL;
    for (const auto& worker : workers_) {
      const double own = worker->finished() ? HUGE_VAL : worker->step();
      if (own < idle) next_ = worker.get();
      idle = std::min(idle, own);
    }
    return idle;
  }
  /// Waits that long [s], or until the trial that was to wake up first has something to do.
  void wait(double seconds) { (next_ ? *next_ : *workers_.front()).wait(seconds); }

  bool finished() const {
    return std::ranges::all_of(workers_, [](const auto& worker) { return worker->finished(); });
  }
  const std::optional<Incumbent>& incumbent() const { return workers_.front()->incumbent(); }

 private:
  std::vector<objective::Place> places_;
  std::optional<comm::LaneGroup> links_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Worker* next_ = nullptr;  ///< has the least to wait
};

/// @param loaded  called once the data is there
template <class Loaded>
void live(const StudyPlan& plan, const JobFacts& facts, Rank rank, comm::Communicator* controller,
          const TeamView& team, comm::NodeMemory& memory, FormTeam form_team, Loaded loaded) {
  std::unique_ptr<device::Backend> backend;
  const auto objective = objective::make_objective(plan.objective, plan.space);
  const int gpu = facts.layout.gpu[static_cast<std::size_t>(rank.value)];
  if (objective->computes_here()) backend = gpu >= 0 ? device::make_cuda_backend(gpu) : device::make_cpu_backend();
  objective->prepare({backend.get(), &memory, team.all, place_of(plan, facts, rank), team.replicas, team.parts, team.stages,
                      facts.layout.lanes});
  loaded();
  Lanes lanes(plan, facts, rank, controller, team.all, *objective, std::move(form_team));
  Backoff backoff(polling_ceiling(facts, rank));
  TrialId shown;
  while (!lanes.finished()) {
    const double idle = lanes.step();
    if (plan.show_incumbent && lanes.incumbent() && lanes.incumbent()->trial != shown) {
      shown = lanes.incumbent()->trial;
      show(*lanes.incumbent(), plan.header.metric, plan.space);
    }
    if (idle == 0) {
      backoff.event();
    } else {
      lanes.wait(backoff.pause(idle));
    }
  }
}

}  // namespace

objective::Place place_of(const StudyPlan& plan, const JobFacts& facts, Rank rank, const TeamPlan* team, int lane) {
  return place_of_lane(place_of_rank(plan, facts, rank, team), lane, facts.layout.lanes, plan.layout);
}

void work(const StudyPlan& plan, const JobFacts& facts, Rank rank, comm::Communicator* controller,
          const TeamView& team, comm::NodeMemory& memory, FormTeam form_team) {
  live(plan, facts, rank, controller, team, memory, std::move(form_team), [] {});
}

WorkerThread::WorkerThread(const StudyPlan& plan, const JobFacts& facts, comm::NodeMemory& memory)
    : lanes_(facts.layout.lanes), memory_(memory) {
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
  comm::LaneGroup peers(link(), lanes_);
  for (int lane = 0; lane < lanes_; ++lane) send(peers.at(0), Rank{lanes_ + lane}, Shutdown{});  // a second one does no harm
  thread_.join();
}

void WorkerThread::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace regatta::run
