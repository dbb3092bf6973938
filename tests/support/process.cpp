#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace regatta::support {

using namespace std::chrono_literals;

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// Output goes to files in memory rather than to pipes, so that a process never blocks on a reader that is not there.
int memory_file(const char* name) {
  const int file = ::memfd_create(name, MFD_CLOEXEC);
  if (file < 0) fail("memfd_create");
  ::fcntl(file, F_SETFL, O_APPEND);
  return file;
}

std::string content(int file) {
  struct stat facts {};
  if (::fstat(file, &facts) != 0) fail("fstat");
  std::string text(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::pread(file, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n < 0) fail("pread");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  text.resize(done);
  return text;
}

int input_file(const std::string& input) {
  const int file = memory_file("stdin");
  if (::write(file, input.data(), input.size()) != static_cast<ssize_t>(input.size())) fail("write");
  ::lseek(file, 0, SEEK_SET);
  return file;
}

/// The whole environment of the child as "NAME=value", made before the fork.
std::vector<std::string> child_environment(const ProcessOptions& options) {
  std::map<std::string, std::string> variables;
  const auto add = [&](const std::string& pair) {
    const std::size_t equals = pair.find('=');
    if (equals != std::string::npos) variables[pair.substr(0, equals)] = pair.substr(equals + 1);
  };
  std::istringstream defaults(REGATTA_MPI_ENVIRONMENT);
  for (std::string pair; defaults >> pair;) add(pair);
  for (char** entry = environ; *entry; ++entry) add(*entry);
  for (const auto& [name, value] : options.environment) variables[name] = value;
  std::vector<std::string> list;
  for (const auto& [name, value] : variables) list.push_back(name + "=" + value);
  return list;
}

std::vector<char*> pointers(std::vector<std::string>& list) {
  std::vector<char*> result;
  for (std::string& text : list) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// The part between fork and exec.
[[noreturn]] void become(char* const* argv, char* const* environment, const char* cwd, int in, int out, int err) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  if (*cwd == '\0' || ::chdir(cwd) == 0) ::execvpe(argv[0], argv, environment);
  ::dprintf(STDERR_FILENO, "cannot start %s: %s\n", argv[0], ::strerror(errno));
  ::_exit(127);
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const ProcessResult& result) {
  return stream << "exit code " << result.exit_code << ", signal " << result.signal
                << (result.timed_out ? ", timed out" : "") << ", " << result.seconds << " s\n--- stdout\n"
                << result.out << "\n--- stderr\n"
                << result.err << "\n---\n";
}

ChildProcess::ChildProcess(const std::vector<std::string>& argv, const ProcessOptions& options)
    : timeout_s_(options.timeout_s) {
  if (argv.empty()) throw std::invalid_argument("a process needs a program");
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = child_environment(options);
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);
  const int in = input_file(options.input);
  out_ = memory_file("stdout");
  err_ = memory_file("stderr");
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0)
    become(argument_pointers.data(), environment_pointers.data(), options.cwd.c_str(), in, out_, err_);
  ::setpgid(pid_, pid_);  // by both sides, so that neither can be too late
  ::close(in);
}

ChildProcess::~ChildProcess() {
  if (running()) {
    kill_group(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(out_);
  ::close(err_);
}

bool ChildProcess::running() {
  if (ended_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = true;
  result_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  return false;
}

std::string ChildProcess::out() const { return content(out_); }
std::string ChildProcess::err() const { return content(err_); }

void ChildProcess::kill(int signal) {
  if (running()) ::kill(pid_, signal);
}

void ChildProcess::kill_group(int signal) {
  if (running()) ::kill(-pid_, signal);
}

bool ChildProcess::time_is_over() const {
  return std::chrono::duration<double>(Clock::now() - start_).count() > timeout_s_;
}

/// mpirun puts its ranks into groups of their own and ends them, and its files, only when it is asked to.
void ChildProcess::end_group() {
  kill_group(SIGTERM);
  for (int i = 0; i < 300 && running(); ++i) std::this_thread::sleep_for(10ms);
  kill_group(SIGKILL);
  while (running()) std::this_thread::sleep_for(2ms);
}

ProcessResult ChildProcess::wait() {
  while (running() && !time_is_over()) std::this_thread::sleep_for(2ms);
  if (running()) {
    result_.timed_out = true;
    end_group();
  }
  result_.out = out();
  result_.err = err();
  return result_;
}

bool ChildProcess::wait_for_output(std::string_view text) {
  const auto found = [&] { return out().find(text) != std::string::npos || err().find(text) != std::string::npos; };
  while (!found()) {
    if (!running() || time_is_over()) return found();
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  return ChildProcess(argv, options).wait();
}

std::vector<std::string> mpirun(int ranks, const std::vector<std::string>& argv) {
  std::vector<std::string> command{REGATTA_MPIEXEC, "-n", std::to_string(ranks)};
  command.insert(command.end(), argv.begin(), argv.end());
  return command;
}

}  // namespace regatta::support
