#include "control_loop.hpp"

#include <algorithm>
#include <csignal>
#include <unordered_map>

#include "divided_proposals.hpp"
#include "enqueued.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/core/random.hpp"
#include "regatta/run/backoff.hpp"
#include "regatta/run/fresh_proposals.hpp"
#include "signals.hpp"
#include "worker_loop.hpp"

namespace regatta::run {
namespace {

using search::TrialState;

constexpr double tick_seconds = 0.2;
constexpr double enqueue_seconds = 1.0;
constexpr double proposal_seconds = 1e-3;  ///< between two looks for a proposal that a free slot waits for
constexpr std::size_t fresh_at_most = 8;    ///< proposals of a searcher that learns that lie ready: each result outdates them
constexpr std::uint64_t filler_stream = 0x6669;
/// How long running trials may take to answer a call to end: mpirun kills its ranks 2 s after TERM, but not after USR2.
constexpr double grace_after_term = 0.7;
constexpr double grace = 30;

/// The controller's effects on real ranks.
class RealEffects final : public Effects {
 public:
  /// @param own  how many of the last ranks of `peers` are rank 0's own workers
  RealEffects(comm::Communicator& peers, const std::vector<Rank>& leaders, int own, log::RunLog& log)
      : peers_(peers), leaders_(leaders), own_(own), log_(log) {}

  void log(std::span<const search::Event> events) override {
    log_.write(events);
    for (const search::Event& event : events)
      if (const auto* end = std::get_if<search::TrialEnded>(&event); end && is_final(end->state))
        ended_.push_back(end->trial);
  }
  /// All ranks of a team that is formed for the trial get its assignment.
  void send(WorkerId to, const Assign& message) override {
    Assign assign = message;
    assign.team.clear();
    for (const std::int32_t worker : message.team) assign.team.push_back(leader(WorkerId{worker}).value);
    run::send(peers_, leader(to), assign);
    for (const std::int32_t rank : assign.team)
      if (rank != leader(to).value) run::send(peers_, Rank{rank}, assign);
  }
  void send(WorkerId to, const Cancel& message) override { run::send(peers_, leader(to), message); }
  void send(WorkerId to, const Checkpoint& message) override { run::send(peers_, leader(to), message); }
  /// From rank to rank, but for rank 0's own workers, which only this rank can reach.
  void send(WorkerId to, const Hand& message) override {
    Hand hand = message;
    const bool direct = !is_own(leader(to)) && !is_own(leader(message.to));
    hand.rank = direct ? leader(message.to) : Rank{0};
    run::send(peers_, leader(to), hand);
  }

  std::vector<TrialId> take_ended() { return std::exchange(ended_, {}); }

 private:
  Rank leader(WorkerId worker) const { return leaders_[static_cast<std::size_t>(worker.value)]; }
  bool is_own(Rank rank) const { return rank.value >= peers_.size() - own_; }

  comm::Communicator& peers_;
  const std::vector<Rank>& leaders_;
  int own_;
  log::RunLog& log_;
  std::vector<TrialId> ended_;
};

std::unique_ptr<ProposalSource> make_fresh_proposals(const StudyPlan& plan, std::unique_ptr<search::Searcher> searcher,
                                                     std::size_t workers, std::span<const search::Event> earlier) {
  search::SearcherOptions filler = plan.searcher;
  filler.algorithm = "sobol";
  filler.seed = derive_seed(plan.searcher.seed, filler_stream);
  const int by_workers = static_cast<int>(std::clamp<std::size_t>(workers, 1, fresh_at_most));
  const FreshOptions options{plan.controller.maximize, plan.ahead > 0 ? plan.ahead : by_workers, plan.time_limit};
  return std::make_unique<FreshProposals>(std::move(searcher), search::make_searcher(filler, plan.space), options, earlier);
}

std::unique_ptr<ProposalSource> make_proposals(const StudyPlan& plan, std::size_t workers,
                                               std::span<const search::Event> earlier) {
  auto searcher = search::make_searcher(plan.searcher, plan.space);
  const bool maximize = plan.controller.maximize;
  const bool batches = plan.controller.batch > 1;  // proposed with all results of the last one known
  if (plan.deterministic || batches)
    return std::make_unique<DirectProposals>(std::move(searcher), maximize, earlier);
  if (searcher->learns()) return make_fresh_proposals(plan, std::move(searcher), workers, earlier);
  const int by_workers = static_cast<int>(std::max<std::size_t>(8, 4 * workers));
  const int ahead = plan.ahead > 0 ? plan.ahead : by_workers;
  return std::make_unique<Proposer>(std::move(searcher), maximize, ahead, earlier);
}

ControllerOptions controller_options(const StudyPlan& plan, const JobFacts& facts) {
  ControllerOptions options = plan.controller;
  options.workers = static_cast<std::int32_t>(facts.layout.teams.size());
  options.deadline = plan.deadline;
  std::unordered_map<std::string, std::int32_t> nodes;
  for (const TeamPlan& team : facts.layout.teams) {
    const std::string& host = facts.ranks[static_cast<std::size_t>(team.ranks.front().value)].host;
    options.nodes.push_back(nodes.try_emplace(host, static_cast<std::int32_t>(nodes.size())).first->second);
    options.lanes.push_back(team.lane);
  }
  return options;
}

/// Tells all leaders of a new best trial, at most once per interval. Posts never wait.
class IncumbentNews {
 public:
  IncumbentNews(comm::Communicator& peers, const std::vector<Rank>& leaders, double interval)
      : peers_(peers), leaders_(leaders), interval_(interval) {}

  void tell(const search::History& history, double now) {
    const auto incumbent = history.incumbent();
    if (!incumbent || incumbent == told_ || now - last_ < interval_) return;
    told_ = incumbent;
    last_ = now;
    const search::Trial& trial = history[*incumbent];
    for (const Rank leader : leaders_) send(peers_, leader, Incumbent{trial.id, trial.objective, trial.config});
  }

 private:
  comm::Communicator& peers_;
  const std::vector<Rank>& leaders_;
  double interval_;
  std::optional<TrialId> told_;
  double last_ = 0;
};

class ControlLoop {
 public:
  ControlLoop(const StudyPlan& plan, const JobFacts& facts, comm::Communicator& peers,
              const std::vector<Rank>& leaders, WorkerThread* thread, std::span<const search::Event> earlier,
              log::RunLog& log, Observer& observer)
      : plan_(plan),
        facts_(facts),
        peers_(peers),
        leaders_(leaders),
        thread_(thread),
        observer_(observer),
        effects_(peers, leaders, thread ? facts.layout.lanes : 0, log),
        proposals_(proposals_of(plan, earlier)),
        scheduler_(schedule::make_scheduler(plan.scheduler, facts_of(plan))),
        controller_(controller_options(plan, facts), *proposals_, *scheduler_, effects_),
        enqueued_(plan.log.directory, plan.space),
        news_(peers, leaders, plan.incumbent_interval),
        backoff_(polling_ceiling(facts, Rank{0})) {
    for (std::size_t i = 0; i < leaders.size(); ++i)
      worker_of_[leaders[i].value] = WorkerId{static_cast<std::int32_t>(i)};
    controller_.restore(earlier, wall_time());
  }

  StudyOutcome run() {
    introduce();
    enqueue(plan_.user_trials);
    while (!controller_.finished() && !out_of_patience()) {
      const bool news = receive();
      const double now = wall_time();
      controller_.step(now);
      tell_ended();
      watch(now);
      if (news) {
        backoff_.event();
      } else {
        backoff_.wait(controller_.waits_for_proposal() ? proposal_seconds : tick_seconds);
      }
    }
    controller_.note(search::JobEnded{wall_time(), controller_.reason()});
    tell_how_it_goes(wall_time());
    return outcome();
  }

  /// Tells all workers and spare ranks that the study is over and waits until the words have left.
  void dismiss() {
    for (const Rank leader : leaders_) send(peers_, leader, Shutdown{});
    for (const std::vector<Rank>& others : {facts_.layout.spares, facts_.layout.sub_controllers})
      for (const Rank other : others)
        if (other.value != 0) send(peers_, Rank{other.value * facts_.layout.lanes}, Shutdown{});
    while (!peers_.drained()) {
      static_cast<void>(peers_.poll());
      backoff_.wait(tick_seconds);
    }
  }

 private:
  std::unique_ptr<ProposalSource> proposals_of(const StudyPlan& plan,
                                               std::span<const search::Event> earlier) {
    const std::vector<Rank>& owners = facts_.layout.sub_controllers;
    if (owners.empty()) return make_proposals(plan, leaders_.size(), earlier);
    for (std::size_t i = 0; i < owners.size(); ++i)
      sub_controller_of_[owners[i].value * facts_.layout.lanes] = static_cast<int>(i) + 1;
    const auto post = [this](int to, const std::vector<std::byte>& message) {
      const Rank owner = facts_.layout.sub_controllers[static_cast<std::size_t>(to - 1)];
      peers_.post(Rank{owner.value * facts_.layout.lanes}, static_cast<int>(Tag::Tree), message);
    };
    auto divided = std::make_unique<DividedProposals>(plan, leaders_.size(), post, earlier);
    divided_ = divided.get();
    return divided;
  }

  void introduce() {
    search::JobStarted job = plan_.job;
    job.time = wall_time();
    controller_.note(job);
    if (facts_.lanes) controller_.note(*facts_.lanes);
    for (std::size_t i = 0; i < leaders_.size(); ++i) {
      const Rank leader = facts_.layout.teams[i].ranks.front();
      const RankInfo& rank = facts_.ranks[static_cast<std::size_t>(leader.value)];
      const int gpu = facts_.layout.gpu[static_cast<std::size_t>(leader.value)];
      search::WorkerJoined event{WorkerId{static_cast<std::int32_t>(i)},
                                 leader.value,
                                 static_cast<std::int32_t>(facts_.layout.teams[i].ranks.size()),
                                 static_cast<std::int32_t>(rank.cores.size()),
                                 job.time,
                                 rank.host,
                                 gpu < 0 ? "cpu" : rank.gpu_names[static_cast<std::size_t>(gpu)],
                                 gpu < 0 ? "" : rank.gpu_uuids[static_cast<std::size_t>(gpu)]};
      controller_.note(event);
    }
  }

  /// The user's configurations; one that an earlier job has tried is not tried again.
  void enqueue(std::vector<search::Config> configs) {
    if (plan_.resume)
      std::erase_if(configs, [this](const auto& config) { return controller_.history().contains(config); });
    controller_.enqueue(configs);
  }

  /// Takes what has arrived, within bounds, so that free slots are filled in time.
  bool receive() {
    constexpr int at_once = 64;
    int taken = 0;
    for (; taken < at_once; ++taken) {
      const auto envelope = peers_.poll();
      if (!envelope) break;
      take(*envelope);
    }
    return taken > 0;
  }

  void take(const comm::Envelope& envelope) {
    if (envelope.tag == static_cast<int>(Tag::Tree))
      return divided_->receive(sub_controller_of_.at(envelope.source.value), envelope.payload);
    if (envelope.tag == static_cast<int>(Tag::Weights))
      return peers_.post(leaders_[static_cast<std::size_t>(open_weights(envelope).to.value)], envelope.tag,
                         envelope.payload);
    Report report = open_report(envelope);
    if (report.state != TrialState::Failed && !report.message.empty()) observer_.message(std::exchange(report.message, {}));
    controller_.receive(worker_of_.at(envelope.source.value), report, wall_time());
  }

  void tell_ended() {
    for (const TrialId trial : effects_.take_ended())
      observer_.trial_ended(controller_.history(), controller_.history()[trial]);
  }

  void tell_how_it_goes(double now) {
    observer_.tick(controller_.history(), now);
    if (const std::string text = proposals_->take_message(); !text.empty()) observer_.message(text);
  }

  void watch(double now) {
    news_.tell(controller_.history(), now);
    if (thread_) thread_->check();
    if (SignalWatch::caught() && !controller_.interrupted()) {
      controller_.interrupt(concat("signal ", SignalWatch::caught()));
      patience_until_ = now + (SignalWatch::caught() == SIGTERM ? grace_after_term : grace);
    }
    if (plan_.deadline > 0 && now >= plan_.deadline && !controller_.interrupted()) {
      controller_.interrupt("wall time");
      patience_until_ = now + grace;
    }
    if (now - last_enqueue_ >= enqueue_seconds) {
      last_enqueue_ = now;
      std::vector<std::string> complaints;
      enqueue(enqueued_.take(complaints));
      for (const std::string& complaint : complaints) observer_.message(complaint);
    }
    if (now - last_tick_ >= tick_seconds) {
      last_tick_ = now;
      tell_how_it_goes(now);
    }
  }

  bool out_of_patience() const { return patience_until_ > 0 && wall_time() > patience_until_; }

  StudyOutcome outcome() const {
    const search::History& history = controller_.history();
    return {controller_.interrupted(), controller_.reason(),
            history.count(TrialState::Completed) + history.count(TrialState::Stopped)};
  }

  const StudyPlan& plan_;
  const JobFacts& facts_;
  comm::Communicator& peers_;
  const std::vector<Rank>& leaders_;
  WorkerThread* thread_;
  Observer& observer_;
  RealEffects effects_;
  std::unordered_map<std::int32_t, int> sub_controller_of_;  ///< number by rank in `peers`
  DividedProposals* divided_ = nullptr;                      ///< proposals_, where a tree is divided
  std::unique_ptr<ProposalSource> proposals_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
  Controller controller_;
  EnqueuedTrials enqueued_;
  IncumbentNews news_;
  Backoff backoff_;
  std::unordered_map<std::int32_t, WorkerId> worker_of_;
  double last_tick_ = 0;
  double last_enqueue_ = 0;
  double patience_until_ = 0;
};

}  // namespace

StudyOutcome steer(const StudyPlan& plan, const JobFacts& facts, comm::Communicator& peers,
                   const std::vector<Rank>& leaders, WorkerThread* thread,
                   std::span<const search::Event> earlier, log::RunLog& log, Observer& observer) {
  const SignalWatch signals;
  ControlLoop loop(plan, facts, peers, leaders, thread, earlier, log, observer);
  const StudyOutcome outcome = loop.run();
  log.close(outcome.interrupted ? log::RunState::Interrupted : log::RunState::Complete, outcome.reason);
  loop.dismiss();
  return outcome;
}

}  // namespace regatta::run
