#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace regatta::support {

/// How a process ended, and all that it wrote.
struct ProcessResult {
  int exit_code = -1;      ///< -1: ended by a signal; 127: the program could not be started
  int signal = 0;          ///< that ended it; 0: none
  bool timed_out = false;  ///< whether it was ended because its time was over
  std::string out;         ///< standard output
  std::string err;         ///< standard error
  double seconds = 0;      ///< from start to end
};

/// Everything that a failed test should show: EXPECT_EQ(result.exit_code, 0) << result;
std::ostream& operator<<(std::ostream& stream, const ProcessResult& result);

struct ProcessOptions {
  double timeout_s = 60;                           ///< counted from the start
  std::filesystem::path cwd;                       ///< empty: that of the test
  std::map<std::string, std::string> environment;  ///< added to that of the test
  std::string input;                               ///< what the process reads from its standard input
};

/// A running process in a process group of its own. It never waits for its output to be read. It dies with the test.
class ChildProcess {
 public:
  /// Looks for argv[0] along PATH. What mpirun needs as root and on few cores is set in the environment, unless the
  /// test's environment or `options` set it.
  explicit ChildProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();  ///< kills the whole group if it still runs

  pid_t pid() const { return pid_; }
  bool running();                  ///< does not block
  std::string out() const;         ///< what it has written so far
  std::string err() const;
  void kill(int signal);           ///< to the process alone, as `kill PID` does; nothing if it has ended
  void kill_group(int signal);     ///< to all processes of its group
  ProcessResult wait();            ///< to its end or its time-out, where the whole group is killed

  /// Waits until its output or error output contains `text`. False: it ended, or its time was over, before that.
  bool wait_for_output(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;

  bool time_is_over() const;
  void end_group();

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  bool ended_ = false;
  Clock::time_point start_ = Clock::now();
  double timeout_s_ = 60;
  ProcessResult result_;
};

/// Runs a process to its end.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

/// The command that starts `argv` on that many ranks: mpirun({4}, {"regatta", "run", "x.ini"}).
std::vector<std::string> mpirun(int ranks, const std::vector<std::string>& argv);

}  // namespace regatta::support
