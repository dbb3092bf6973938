#include <algorithm>
#include <map>

#include "control_loop.hpp"
#include "divided_proposals.hpp"
#include "lane_choice.hpp"
#include "regatta/comm/lane_group.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/log/study_reader.hpp"
#include "regatta/run/agreement.hpp"
#include "regatta/run/study.hpp"
#include "signals.hpp"
#include "sub_controller_loop.hpp"
#include "worker_loop.hpp"

namespace regatta::run {
namespace {

RankInfo describe_this_rank(const LayoutOptions& options) {
  RankInfo info;
  info.host = host_name();
  info.cores = available_cores();
  if (options.device == DeviceChoice::Cpu) return info;
  for (const device::DeviceInfo& gpu : device::cuda_devices()) {
    info.gpu_uuids.push_back(gpu.uuid);
    info.gpu_names.push_back(gpu.name);
  }
  return info;
}

/// The ranks that train one trial together, and where models are divided the rows and columns of their grid.
struct OwnTeam {
  std::unique_ptr<comm::MpiCommunicator> all, replicas, model;
};

}  // namespace

struct Job::Impl {
  const StudyPlan& plan;
  comm::Session* session;
  JobFacts facts;
  std::optional<log::RunLog> log;
  std::vector<search::Event> earlier;  ///< that jobs before this one have logged
  comm::PrivateMemory private_memory;

  Rank rank() const { return session ? session->world().rank() : Rank{0}; }
  comm::NodeMemory& memory() { return session ? session->node_memory() : private_memory; }

  void gather_ranks() {
    const RankInfo mine = describe_this_rank(plan.layout);
    if (!session) {
      facts.ranks = {mine};
      return;
    }
    for (const std::string& text : session->world().all_gather(mine.encode()))
      facts.ranks.push_back(RankInfo::decode(text));
    facts.mpi_library = session->library();
    facts.thread_level = session->thread_level();
  }

  void plan_roles() {
    LayoutOptions options = plan.layout;
    options.sub_controllers = sub_controllers(plan);
    options.lanes = choose_lanes(options, facts.ranks, plan.objective, plan.space, plan.controller.trials);
    facts.layout = plan_layout(facts.ranks, options);
    if (plan.layout.lanes == 0) choose_among_lanes(options);
  }

  /// By what a rank finds out, where shapes allow more than one and proposals may depend on times.
  void choose_among_lanes(LayoutOptions options) {
    TimedLanes timed;
    if (options.lanes > 1 && !plan.deterministic) {
      timed = time_lanes(plan, facts.ranks, facts.layout, session);
      if (timed.problem.empty()) options.lanes = best_lanes(timed.speeds);
      facts.layout = plan_layout(facts.ranks, options);
    }
    if (!timed.problem.empty())
      facts.layout.warnings.push_back("lanes could not be timed, so shapes decide: " + timed.problem);
    std::vector<double> values{static_cast<double>(options.lanes)};
    for (const objective::LaneSpeed& speed : timed.speeds)
      values.insert(values.end(), {static_cast<double>(speed.lanes), speed.steps_per_second});
    facts.lanes = search::Note{log::Study::lanes_note, std::move(values)};
  }

  void open_log() {
    from_rank0(session, [this] {
      log = plan.resume ? log::RunLog::resume(plan.log, earlier) : log::RunLog::create(plan.log, plan.header);
      return std::string();
    });
  }

  /// The communicators of this rank's team; none for a team of one.
  OwnTeam form_team(WorkerId worker) {
    OwnTeam team;
    if (!worker.valid()) return team;
    const auto& ranks = facts.layout.teams[static_cast<std::size_t>(worker.value)].ranks;
    if (ranks.size() == 1) return team;
    team.all = session->world().subgroup(ranks);
    const int parts = plan.layout.ranks_per_model();
    if (parts == 1) return team;
    std::vector<Rank> same_model, same_part;
    for (int member = 0; member < team.all->size(); ++member) {
      if (member / parts == team.all->rank().value / parts) same_model.push_back(Rank{member});
      if (member % parts == team.all->rank().value % parts) same_part.push_back(Rank{member});
    }
    team.model = team.all->subgroup(same_model);
    team.replicas = team.all->subgroup(same_part);
    return team;
  }

  StudyOutcome run_rank0(Observer& observer) {
    const WorkerId own = facts.layout.team_of(Rank{0});
    std::optional<WorkerThread> thread;
    if (own.valid()) {
      thread.emplace(plan, facts, memory());
      thread->check();
    } else {
      load_only(plan, memory());
    }
    comm::LocalGroup alone(1);
    comm::Communicator& world = session ? static_cast<comm::Communicator&>(session->world()) : alone.at(Rank{0});
    std::optional<comm::JoinedCommunicator> joined;
    if (thread) joined.emplace(world, thread->link());
    comm::Communicator& ranks = joined ? static_cast<comm::Communicator&>(*joined) : world;
    const int lanes = facts.layout.lanes;
    std::optional<comm::LaneGroup> with_lanes;
    if (lanes > 1) with_lanes.emplace(ranks, lanes);
    comm::Communicator& peers = with_lanes ? with_lanes->at(0) : ranks;

    std::vector<Rank> leaders;
    for (const TeamPlan& team : facts.layout.teams) {
      const std::int32_t leader = team.ranks.front().value;
      leaders.push_back(Rank{(leader == 0 ? world.size() : leader) * lanes + team.lane});
    }
    try {
      return steer(plan, facts, peers, leaders, thread ? &*thread : nullptr, earlier, *log, observer);
    } catch (const std::exception& error) {
      log->close(log::RunState::Failed, error.what());
      throw;
    }
  }

  void run_other() {
    const SignalWatch signals;  // rank 0 decides what a signal means
    const WorkerId worker = facts.layout.team_of(rank());
    const auto team = form_team(worker);
    const auto& owners = facts.layout.sub_controllers;
    if (const auto own = std::ranges::find(owners, rank()); own != owners.end()) {
      load_only(plan, memory());
      own_domains(plan, owners, session->world(), polling_ceiling(facts, rank()));
      return;
    }
    if (!worker.valid()) {
      load_only(plan, memory());
      wait_for_shutdown(session->world(), polling_ceiling(facts, rank()));
      return;
    }
    const bool leads = facts.layout.teams[static_cast<std::size_t>(worker.value)].ranks.front() == rank();
    std::map<std::vector<std::int32_t>, Team> formed;
    const FormTeam form_team = [&](const std::vector<std::int32_t>& ranks) -> const Team& {
      const auto [entry, fresh] = formed.try_emplace(ranks);
      if (fresh) entry->second = team_of(ranks);
      return entry->second;
    };
    TeamView view{team.all.get(), team.replicas.get()};
    (plan.layout.pipeline > 1 ? view.stages : view.parts) = team.model.get();
    work(plan, facts, rank(), leads ? &session->world() : nullptr, view, memory(), form_team);
  }

  /// Collective over these ranks.
  Team team_of(const std::vector<std::int32_t>& ranks) {
    TeamPlan members;
    for (const std::int32_t each : ranks) members.ranks.push_back(Rank{each});
    return {session->world().subgroup(members.ranks), place_of(plan, facts, rank(), &members)};
  }
};

Job::Job(const StudyPlan& plan, comm::Session* session) : impl_(new Impl{plan, session, {}, {}, {}, {}}) {
  impl_->gather_ranks();
  impl_->plan_roles();
  impl_->open_log();
}

Job::~Job() = default;

const JobFacts& Job::facts() const { return impl_->facts; }

StudyOutcome Job::run(Observer& observer) {
  if (impl_->rank().value == 0) return impl_->run_rank0(observer);
  impl_->run_other();
  return {};
}

}  // namespace regatta::run
