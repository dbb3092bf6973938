#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "regatta/core/clock.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/run/checkpoint.hpp"
#include "regatta/run/messages.hpp"

namespace regatta::run {

class SnapshotStore;
struct Verdict;

/// Ranks that train one trial together.
struct Team {
  std::unique_ptr<comm::Communicator> communicator;
  objective::Place place;  ///< of its programs
};
/// The team of these ranks of the link to the controller; collective over them.
using FormTeam = std::function<const Team&(const std::vector<std::int32_t>& ranks)>;

/// Runs trials on one team of ranks: takes assignments, trains, reports. Each rank of a team has one; the
/// first leads: it talks to the controller and hands everything on to the others. It also keeps what its
/// paused trials need to go on. Where an assignment names a team, that is formed for the trial: each of its ranks
/// gets the assignment, and all but the first follow the first one until the trial ends. A rank that trains several trials at
/// once has a worker for each of them.
class Worker {
 public:
  /// @param controller  link to the controller, whose rank there is 0; null on ranks that do not lead
  /// @param team        the ranks of this team, this one among them; null for a team of one
  /// @param form_team   for assignments that name a team; not with `team`
  /// @param place       of its programs, where the rank has several workers; else null: the objective has it
  Worker(comm::Communicator* controller, comm::Communicator* team, objective::Objective& objective,
         const CheckpointOptions& checkpoints = {}, FormTeam form_team = {}, const objective::Place* place = nullptr);
  ~Worker();

  /// Takes what has arrived and does the next piece of work. Never blocks longer than one epoch.
  /// @return how long nothing is to be done unless a message comes [s]; 0: call again at once
  double step();
  /// Waits that long [s], or until the trial has something to do; 0: only offers the core to others.
  void wait(double seconds);
  /// The study is over and everything has been sent.
  bool finished() const;
  bool busy() const { return running_ != nullptr; }
  /// The best trial of the study that this rank has been told of.
  const std::optional<Incumbent>& incumbent() const { return incumbent_; }

 private:
  struct Running;

  bool leads() const { return !team_ || team_->rank().value == 0; }
  /// Whether another rank leads the team of this assignment.
  bool follows(const Assign& assign) const;
  void receive();
  void handle(const comm::Envelope& envelope);
  void cancel(const Cancel& message);
  bool leaves_with_its_work(search::TrialState wish);
  void set_aside(const Assign& assign);
  bool moves_here(TrialId trial) const;
  void hand(const Hand& message);
  void push();
  void checkpoint(TrialId trial);
  bool ready(const Assign& assign);
  void leave_team();
  void start(const Assign& assign);
  std::vector<std::byte> take_weights(const Assign& assign);
  void share(const Assign& assign, const std::vector<std::byte>& weights);
  void set_up(const Assign& assign, const std::vector<std::byte>& weights);
  bool wake(const Assign& assign, const std::vector<std::byte>& weights);
  void keep(search::TrialState state);
  bool agree(bool healthy);
  void send_words();
  void advance();
  std::optional<Verdict> train();
  void judge(const Verdict& verdict);
  void obey(const Report& order);
  void end(const Verdict& verdict);
  void forget_resting(TrialId trial);
  void report(const Report& message);

  comm::Communicator* controller_;
  comm::Communicator* team_;
  FormTeam form_team_;
  const Team* formed_ = nullptr;  ///< for the trial that runs or starts next
  objective::Objective& objective_;
  const objective::Place* place_;
  std::deque<Assign> inbox_;
  std::deque<Report> orders_;  ///< from the leader, on the other ranks of the team
  std::unique_ptr<SnapshotStore> store_;
  std::unordered_map<TrialId, std::vector<std::byte>>
      arrived_;  ///< weights from elsewhere, by the trial that takes them
  std::unordered_map<TrialId, search::TrialState> called_in_;  ///< before they could start
  std::vector<Hand> hands_;  ///< that wait for weights which are to arrive here first
  std::unique_ptr<Running> running_;
  std::unique_ptr<Running> resting_;  ///< has paused, and waits to go on as it is until another trial starts
  std::optional<Incumbent> incumbent_;
  bool over_ = false;
};

}  // namespace regatta::run
