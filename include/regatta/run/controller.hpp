#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "regatta/run/messages.hpp"
#include "regatta/run/proposals.hpp"
#include "regatta/run/ramp.hpp"
#include "regatta/run/remarks.hpp"
#include "regatta/run/speeds.hpp"
#include "regatta/schedule/scheduler.hpp"
#include "regatta/search/history.hpp"

namespace regatta::run {

class TeamSlots;

struct ControllerOptions {
  std::int64_t trials = 100;  ///< budget: trials to create; 0: no limit
  std::uint64_t seed = 0;
  bool maximize = false;
  std::int32_t workers = 1;
  std::int32_t prefetch = -1;  ///< assignments that may wait at a worker, 0..4; -1: by the length of the trials
  /// Searcher's trials created at once, when none of the last batch is queued or running; the user's trials
  /// are not held back. 1: one for each free slot.
  std::int32_t batch = 1;
  double deadline =
      0;  ///< nothing is started that would last beyond it on average [s since the epoch]; 0: none
  std::int32_t in_flight = 0;  ///< trials that workers hold at once; 0: as many as they take; -1: see Ramp
  /// Ends the study when so many trials of this job have failed before any gave a value; 0: never.
  std::int64_t max_failures = 0;
  /// When nothing new can be started, the trial of the slowest worker moves to a free one that is much
  /// faster.
  bool move_stragglers = false;
  /// How many workers a trial takes at once; empty: one, and some trials may wait at workers.
  std::function<std::int32_t(const search::Config&)> width = {};
  /// Workers for which nothing can be started join running trials, and leave them when something can; in
  /// place of width.
  bool elastic = false;
  std::vector<std::int32_t> nodes =
      {};  ///< by worker, any numbers, for width and elastic; empty: all on one node
  std::vector<std::int32_t> lanes = {};  ///< by worker, of its rank, for the log; empty: 0
};

/// What the controller does to the world. log() is always called before the messages that follow from its events.
class Effects {
 public:
  virtual ~Effects() = default;
  virtual void log(std::span<const search::Event> events) = 0;
  virtual void send(WorkerId to, const Assign& message) = 0;
  virtual void send(WorkerId to, const Cancel& message) = 0;
  virtual void send(WorkerId to, const Hand& message) = 0;
  virtual void send(WorkerId to, const Checkpoint& message) = 0;
};

/// Decides who does what when: a state machine without MPI, clock, thread or file. The caller brings messages and the time,
/// and carries out the effects; so real ranks, a simulator and a test drive the same object.
class Controller {
 public:
  Controller(const ControllerOptions& options, ProposalSource& proposals, schedule::Scheduler& scheduler,
             Effects& effects);
  ~Controller();

  /// Takes over what an earlier job has logged (the source of proposals knows it already): its unfinished
  /// trials are queued again, but for paused ones.
  void restore(std::span<const search::Event> events, double now);
  /// Configurations to try before all proposals, in this order.
  void enqueue(const std::vector<search::Config>& configs);
  /// Writes an event that does not come from a trial (workers joining, jobs).
  void note(const search::Event& event);

  /// One worker more takes part: one that has left, or a new one.
  WorkerId join();
  /// A worker that holds no trial gets none until it joins again.
  void leave(WorkerId worker);
  /// A worker is gone with all that it keeps: its trials are queued again, paused ones begin anew when they
  /// go on.
  void lose(WorkerId worker, double now);
  /// A worker that was lost is there again.
  void rejoin(WorkerId worker) { by_load_.emplace(0, worker); }

  /// A worker's report.
  void receive(WorkerId from, const Report& report, double now);
  /// Fills free slots; to be called after receive(), and when time has passed.
  void step(double now);
  /// Starts nothing more; running trials go on to their end.
  void drain(const std::string& reason);
  /// Starts nothing more and calls running trials in; they are queued again in the log, for a later job.
  void interrupt(const std::string& reason);

  /// Nothing runs and nothing more will be started.
  bool finished() const;
  bool interrupted() const { return interrupted_; }
  /// Why nothing more is started; empty while the study goes on.
  const std::string& reason() const { return reason_; }
  const search::History& history() const { return history_; }
  /// Trials held by workers, running or waiting there.
  std::size_t in_flight() const { return in_flight_; }
  /// A slot is free for want of a proposal.
  bool waits_for_proposal() const { return waits_for_proposal_; }

 private:
  struct Worker {
    std::vector<TrialId> trials;  ///< the first is running, the others wait there
  };
  /// Where a trial is.
  struct Place {
    WorkerId keeper;              ///< who keeps its weights; none: nobody of this job
    std::int32_t from_epoch = 0;  ///< of its latest start
    double started = -1;          ///< when that was [s]; < 0: the worker was not free
  };
  using Order = std::variant<Assign, Cancel, Hand, Checkpoint>;

  // Reports.
  void note_sums(WorkerId worker, objective::Sums sums);
  void react(WorkerId worker, TrialId trial, const schedule::Decision& decision);
  void pause(WorkerId worker, const Report& report, schedule::Decision decision, double now);
  void change(TrialId trial, const schedule::Decision& decision, double now);
  void finish(WorkerId from, const Report& report, double now);
  void end_if_hopeless(const Report& report);

  // Free slots.
  bool fill_slots(double now);
  bool fill_slot(WorkerId worker, double now);
  bool rest(WorkerId worker, double now);
  void move_straggler();
  void start_moved(double now);
  WorkerId fastest_free() const;
  void fill_teams(double now);
  void regroup();
  std::int32_t width(TrialId trial) const;
  /// The next trial to start; none when there is nothing to start now.
  std::optional<TrialId> next_trial(double now);
  bool more() const;
  void start(TrialId trial, WorkerId worker, double now, const std::vector<WorkerId>& team = {});
  void name_team(Assign& assign, const std::vector<WorkerId>& team);
  WorkerId holder(TrialId trial) const { return place_of(trial).keeper; }
  void end_paused(double now);
  bool keeps(TrialId trial) const;
  void release(TrialId trial, WorkerId otherwise);
  void stop_waiting_for(TrialId donor, WorkerId taker);
  std::string end_reason() const;

  // New trials.
  std::optional<TrialId> create_trial(double now);
  std::optional<Proposal> fresh_proposal();
  std::optional<TrialId> propose_trial(double now);
  void begin_batch(double now);
  bool batch_done() const;
  TrialId create(const Proposal& proposal, search::Origin origin, double now);
  bool budget_spent() const;
  bool too_late(double now, double slowness = 1) const;
  std::size_t in_flight_limit() const;

  void learn(WorkerId worker, const Report& report, double now);
  std::optional<double> loss_at_end(const Report& report) const;
  Place& place_of(TrialId trial);
  const Place& place_of(TrialId trial) const;
  void set_load(WorkerId worker, std::size_t before);
  std::size_t depth() const;
  void record(search::Event event);
  void flush();

  ControllerOptions options_;
  ProposalSource& proposals_;
  schedule::Scheduler& scheduler_;
  Effects& effects_;
  search::History history_;
  std::vector<Worker> workers_;
  std::set<std::pair<std::size_t, WorkerId>> by_load_;  ///< (trials held, worker)
  std::unique_ptr<TeamSlots> teams_;                    ///< where trials may take several workers
  std::deque<search::Config> user_trials_;
  std::uint64_t last_user_trial_ = 0;  ///< length of the history after the last one
  Remarks remarks_;
  std::deque<TrialId> requeued_;
  std::deque<TrialId> changed_;  ///< paused for a change, or for one that was lost with its donor, to go on at once
  std::unordered_map<TrialId, schedule::Decision>
      pending_;                    ///< changes of running trials that are to pause for them
  std::multiset<TrialId> donors_;  ///< of changes that have not started yet
  std::vector<Place> places_;      ///< by trial
  std::set<TrialId> moving_;       ///< told to pause, to go on with a faster worker or another team
  std::deque<TrialId> moved_;      ///< paused for that
  std::deque<TrialId> batch_;  ///< created, not started yet
  std::vector<search::Event> unlogged_;
  std::vector<std::pair<WorkerId, Order>> orders_;  ///< to be sent once the log has what they follow from
  std::size_t in_flight_ = 0;
  std::int64_t failures_ = 0;  ///< trials of this job that have failed before any gave a value
  double mean_seconds_ = -1;  ///< of a trial, moving average; < 0: none yet
  std::int64_t trials_timed_ = 0;
  double round_trip_;  ///< of an assignment and a report, estimated median [s]
  Speeds speeds_;
  std::map<WorkerId, objective::Sums> sums_;  ///< as they were told last
  std::optional<Ramp> ramp_;
  bool resting_ = false;  ///< some workers get nothing more, since the deadline comes too soon for them
  bool freed_ = false;    ///< a slot has become free since the last look for stragglers
  std::string reason_;
  bool waits_for_proposal_ = false;
  bool draining_ = false;
  bool interrupted_ = false;
};

}  // namespace regatta::run
