#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "regatta/process/descriptor.hpp"

/// Programs as children of a small helper process. An MPI process must not fork (memory that its network card
/// knows would be shared with the child), so the helper is forked before MPI starts and is told what to run.
namespace regatta::process {

/// What is to be started.
struct Program {
  std::vector<std::string> arguments;  ///< the first is looked for along PATH
  /// Added to what the launcher's process had when the helper was forked, less the variables by which MPI and
  /// Slurm tell a process its place (is_launch_variable).
  std::vector<std::pair<std::string, std::string>> environment;
  std::filesystem::path folder;  ///< where it runs
  std::vector<int> cores = {};   ///< that it is bound to, as the system numbers them; empty: those of the helper
};

/// How a program ended.
struct Ending {
  int code = 0;         ///< exit code
  int signal = 0;       ///< that ended it; 0: none
  int start_error = 0;  ///< errno where it could not be started; 0: none
};

/// Our ends of a program's descriptors.
struct Channels {
  Descriptor out, error, report;  ///< to be read; non-blocking
  Descriptor input, control;      ///< sockets to be written; non-blocking
};

/// Numbers of the further descriptors in a program.
inline constexpr int report_descriptor = 3, control_descriptor = 4;

/// Starts one program at a time; for more at once there are more launchers. With it end all processes that it
/// has started, also those that have left its process group: the helper adopts them. When the launcher's process
/// dies, the helper kills everything at once.
class Launcher {
 public:
  /// Forks the helper: before MPI_Init and before any other thread. It leaves the process group and the
  /// session.
  /// @throws SystemFailure
  Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;
  ~Launcher();  ///< ends its programs, waits for the helpers

  /// One more launcher, which has a helper of its own and lives as long as this one. This one starts no program any more.
  /// REQUIRES: it has started none so far
  Launcher& another();
  /// Starts a program in a process group of its own. A program that cannot be started ends with
  /// Ending::start_error. REQUIRES: the one before has ended.
  /// @throws InvalidInput  its arguments are too long
  Channels start(const Program& program);
  /// Ends the program: SIGTERM to its process group after `patience`, SIGKILL `grace` later [s]. Infinite: takes
  /// an earlier call back.
  void end(double patience, double grace);
  /// How the program ended, once; none while it runs.
  std::optional<Ending> poll();
  /// Readable when poll() has something to say.
  int descriptor() const { return socket_.number(); }

 private:
  explicit Launcher(Descriptor socket) : socket_(std::move(socket)) {}
  void send(const std::string& request, const std::vector<int>& descriptors);

  Descriptor socket_;
  pid_t helper_ = -1;
  bool running_ = false;
  std::vector<std::unique_ptr<Launcher>> others_;
};

/// Whether MPI, PMI or Slurm tells a process its place by this variable: a program that kept it could not
/// start MPI itself.
bool is_launch_variable(const std::string& name);

}  // namespace regatta::process
