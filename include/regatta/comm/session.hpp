#pragma once

#include <memory>
#include <string>

#include "regatta/comm/communicator.hpp"
#include "regatta/comm/mpi_communicator.hpp"
#include "regatta/comm/node_memory.hpp"

namespace regatta::comm {

/// What started this process.
struct Launch {
  std::string launcher;  ///< "mpirun", "srun", "mpiexec", or "none"
  int ranks = 1;         ///< that the launcher says it started
  bool speaks_mpi = false;  ///< whether MPI_Init will find the others
};
/// Read from the environment; touches no MPI.
Launch detect_launch();

/// Refuses to be one of several processes that do not find each other, which would all believe to be rank 0.
/// @param ranks  that found each other
/// @throws Unavailable  with the cure
void require_all_ranks(const Launch& launch, int ranks);

/// MPI from its start to its end. One object per process, made by the main thread, which makes all calls (FUNNELED).
class Session {
 public:
  /// Starts MPI.
  /// @throws Unavailable  as require_all_ranks
  Session(const Launch& launch, int& argc, char**& argv);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();  ///< MPI_Finalize

  MpiCommunicator& world() { return *world_; }
  /// Memory shared by the ranks of this node; made at the first call, which is collective over the world.
  NodeMemory& node_memory();
  /// Ends all ranks at once; does not return.
  [[noreturn]] void abort(int exit_code);

  std::string library() const;       ///< "Open MPI v4.1.4"
  std::string thread_level() const;  ///< "funneled"

 private:
  int provided_ = 0;
  std::unique_ptr<MpiCommunicator> world_;
  std::unique_ptr<NodeMemory> node_memory_;
};

/// Whether the launcher keeps the other ranks alive when one dies (Open MPI's --enable-recovery).
bool recovery_enabled();

}  // namespace regatta::comm
