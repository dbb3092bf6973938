#pragma once

#include <exception>
#include <memory>
#include <thread>

#include "funneled_memory.hpp"
#include "regatta/comm/local_group.hpp"
#include "regatta/run/study.hpp"
#include "regatta/run/worker.hpp"

namespace regatta::run {

/// Longest pause of a polling loop [s]: 1 ms, more where many ranks share a core.
double polling_ceiling(const JobFacts& facts, Rank rank);

/// Loads what all trials share, without training: for ranks that only steer or have no work. Collective over the node.
void load_only(const StudyPlan& plan, comm::NodeMemory& memory);

/// A rank without work waits for the end of the study here, asleep; in MPI_Finalize it would burn its core.
void wait_for_shutdown(comm::Communicator& controller, double ceiling);

/// Where the programs of a rank's team run, or those of one of its lanes.
/// @param team  the ranks that a trial has for itself; null: those of the layout
objective::Place place_of(const StudyPlan& plan, const JobFacts& facts, Rank rank, const TeamPlan* team = nullptr,
                         int lane = 0);

/// A rank's team as WorkerContext has it; all null for a team of one.
struct TeamView {
  comm::Communicator* all = nullptr;
  comm::Communicator* replicas = nullptr;
  comm::Communicator* parts = nullptr;
  comm::Communicator* stages = nullptr;
};

/// The whole life of a rank's workers, one for each of its lanes: they take turns.
/// @param controller  link to the controller, for all lanes; null on ranks that do not lead
void work(const StudyPlan& plan, const JobFacts& facts, Rank rank, comm::Communicator* controller,
          const TeamView& team, comm::NodeMemory& memory, FormTeam form_team = {});

/// Rank 0's workers: a thread that talks to the controller over an in-process link.
class WorkerThread {
 public:
  /// Returns when the thread has loaded its data; serves its requests to `memory` meanwhile.
  WorkerThread(const StudyPlan& plan, const JobFacts& facts, comm::NodeMemory& memory);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  ~WorkerThread();

  comm::Communicator& link() { return group_.at(Rank{0}); }
  /// @throws what ended the thread early
  void check();

 private:
  comm::LocalGroup group_{2};
  int lanes_;
  FunneledMemory memory_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace regatta::run
