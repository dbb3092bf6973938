#include "regatta/comm/session.hpp"

#include <array>
#include <cstdlib>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "shared_node_memory.hpp"

namespace regatta::comm {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int count_in(const char* name) { return static_cast<int>(parse_integer(variable(name)).value_or(0)); }

}  // namespace

Launch detect_launch() {
  Launch launch{"none", 1, false};
  if (const int ranks = count_in("OMPI_COMM_WORLD_SIZE"); ranks > 0) {
    launch = {variable("SLURM_STEP_ID").empty() || !variable("OMPI_COMMAND").empty() ? "mpirun" : "srun", ranks, true};
  } else if (!variable("PMIX_RANK").empty()) {
    launch = {"srun", std::max(1, count_in("SLURM_NTASKS")), true};
  } else if (const int pmi = count_in("PMI_SIZE"); pmi > 0) {
    launch = {"mpiexec", pmi, true};
  } else if (!variable("SLURM_PROCID").empty() && count_in("SLURM_STEP_NUM_TASKS") > 1) {
    launch = {"srun", count_in("SLURM_STEP_NUM_TASKS"), false};
  }
  return launch;
}

void require_all_ranks(const Launch& launch, int ranks) {
  if (ranks > 1 || launch.ranks <= 1) return;
  throw Unavailable(concat(launch.launcher, " started ", launch.ranks,
                           " processes that do not find each other, so each believes to be alone; start them with the mpirun "
                           "of the MPI that Regatta was built with, or with srun --mpi=pmix"));
}

Session::Session(const Launch& launch, int& argc, char**& argv) {
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided_) != MPI_SUCCESS)
    throw Unavailable("MPI could not start");
  world_ = std::make_unique<MpiCommunicator>(MPI_COMM_WORLD);
  try {
    require_all_ranks(launch, world_->size());
  } catch (...) {
    world_.reset();
    MPI_Finalize();
    throw;
  }
}

Session::~Session() {
  node_memory_.reset();
  world_.reset();
  MPI_Finalize();
}

NodeMemory& Session::node_memory() {
  if (!node_memory_) node_memory_ = std::make_unique<SharedNodeMemory>(world_->native());
  return *node_memory_;
}

void Session::abort(int exit_code) {
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

std::string Session::library() const {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string all(text.data(), static_cast<std::size_t>(length));
  return all.substr(0, all.find(','));
}

std::string Session::thread_level() const {
  switch (provided_) {
    case MPI_THREAD_SINGLE: return "single";
    case MPI_THREAD_FUNNELED: return "funneled";
    case MPI_THREAD_SERIALIZED: return "serialized";
    default: return "multiple";
  }
}

bool recovery_enabled() { return variable("OMPI_MCA_orte_enable_recovery") == "1"; }

}  // namespace regatta::comm
