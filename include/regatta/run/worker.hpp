#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "regatta/core/clock.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/run/messages.hpp"

namespace regatta::run {

struct Verdict;

/// Runs trials on one team of ranks: takes assignments, trains, reports. Each rank of a team has one; the first leads: it
/// talks to the controller and hands everything on to the others.
class Worker {
 public:
  /// @param controller  link to the controller, whose rank there is 0; null on ranks that do not lead
  /// @param team        the ranks of this team, this one among them; null for a team of one
  Worker(comm::Communicator* controller, comm::Communicator* team, objective::Objective& objective);
  ~Worker();

  /// Takes what has arrived and does the next piece of work. Never blocks longer than one epoch.
  /// @return how long nothing is to be done unless a message comes [s]; 0: call again at once
  double step();
  /// The study is over and everything has been sent.
  bool finished() const;
  bool busy() const { return running_ != nullptr; }
  /// The best trial of the study that this rank has been told of.
  const std::optional<Incumbent>& incumbent() const { return incumbent_; }

 private:
  struct Running;

  bool leads() const { return controller_ != nullptr; }
  void receive();
  void handle(const comm::Envelope& envelope);
  void cancel(const Cancel& message);
  void start(const Assign& assign);
  bool agree(bool healthy);
  void advance();
  void judge(const Verdict& verdict);
  void obey(const Report& order);
  void end(const Verdict& verdict);
  void report(const Report& message);

  comm::Communicator* controller_;
  comm::Communicator* team_;
  objective::Objective& objective_;
  std::deque<Assign> inbox_;
  std::deque<Report> orders_;  ///< from the leader, on the other ranks of the team
  std::unique_ptr<Running> running_;
  std::optional<Incumbent> incumbent_;
  bool over_ = false;
};

}  // namespace regatta::run
