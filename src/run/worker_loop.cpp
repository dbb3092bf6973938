#include "worker_loop.hpp"

#include <algorithm>
#include <iostream>

#include "regatta/core/text.hpp"
#include "regatta/run/backoff.hpp"
#include "regatta/run/worker.hpp"

namespace regatta::run {

double polling_ceiling(const JobFacts& facts, Rank rank) {
  const RankInfo& mine = facts.ranks[static_cast<std::size_t>(rank.value)];
  const auto on_node = std::ranges::count(facts.ranks, mine.host, &RankInfo::host);
  const double ranks_per_core = static_cast<double>(on_node) / std::max(1, mine.cores);
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
void live(const StudyPlan& plan, comm::Communicator* controller, comm::Communicator* team, comm::NodeMemory& memory,
          int gpu, double ceiling, Loaded loaded) {
  const auto backend = gpu >= 0 ? device::make_cuda_backend(gpu) : device::make_cpu_backend();
  const auto objective = objective::make_objective(plan.objective, plan.space);
  objective->prepare({backend.get(), &memory, team});
  loaded();
  Worker worker(controller, team, *objective);
  Backoff backoff(ceiling);
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
      backoff.wait(idle);
    }
  }
}

}  // namespace

void work(const StudyPlan& plan, comm::Communicator* controller, comm::Communicator* team, comm::NodeMemory& memory,
          int gpu, double ceiling) {
  live(plan, controller, team, memory, gpu, ceiling, [] {});
}

WorkerThread::WorkerThread(const StudyPlan& plan, comm::NodeMemory& memory, int gpu, double ceiling)
    : memory_(memory) {
  thread_ = std::thread([this, &plan, gpu, ceiling] {
    try {
      live(plan, &group_.at(Rank{1}), nullptr, memory_, gpu, ceiling, [this] { memory_.close(); });
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
