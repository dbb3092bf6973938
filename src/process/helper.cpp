#include "helper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <thread>

#include "regatta/core/clock.hpp"
#include "request.hpp"

namespace regatta::process {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// "NAME=VALUE" of everything that the helper has inherited, with the program's own instead where it has
/// them.
std::vector<std::string> environment_of(const Program& program) {
  std::vector<std::string> all;
  const auto own = [&](const std::string& name) {
    return std::ranges::any_of(program.environment, [&](const auto& each) { return each.first == name; });
  };
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!is_launch_variable(name) && !own(name)) all.push_back(text);
  }
  for (const auto& [name, value] : program.environment) all.push_back(name + "=" + value);
  return all;
}

/// Takes descriptors as the program's numbers 0, 1, 2, ...
void take_descriptors(const std::vector<Descriptor>& given) {
  constexpr int out_of_the_way = 16;
  std::vector<int> moved;
  for (const Descriptor& each : given)
    moved.push_back(::fcntl(each.number(), F_DUPFD_CLOEXEC, out_of_the_way));
  for (std::size_t i = 0; i < moved.size(); ++i) ::dup2(moved[i], static_cast<int>(i));
}

/// Where it cannot be bound, a program runs on all cores that this process may use.
void bind_to(const std::vector<int>& cores) {
  if (cores.empty()) return;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const int core : cores) CPU_SET(core, &mask);
  ::sched_setaffinity(0, sizeof mask, &mask);
}

/// The part between fork and exec. What goes wrong is written to `failure` as errno.
[[noreturn]] void become(const Request& request, char* const* arguments, char* const* environment,
                         pid_t helper, int failure) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != helper) ::_exit(127);
  failure = ::fcntl(failure, F_DUPFD_CLOEXEC, 32);
  take_descriptors(request.descriptors);
  bind_to(request.program.cores);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::chdir(request.program.folder.c_str()) == 0) ::execvpe(arguments[0], arguments, environment);
  const int error = errno;
  static_cast<void>(::write(failure, &error, sizeof error) + 1);
  ::_exit(127);
}

/// The numbers that name entries of a folder of /proc.
std::vector<int> numbers_in(const char* path) {
  std::vector<int> numbers;
  DIR* folder = ::opendir(path);
  if (!folder) return numbers;
  while (const dirent* entry = ::readdir(folder))
    if (*entry->d_name >= '0' && *entry->d_name <= '9') numbers.push_back(std::atoi(entry->d_name));
  ::closedir(folder);
  return numbers;
}

pid_t parent_of(pid_t pid) {
  const Descriptor file(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  if (!file.open() || ::read(file.number(), text.data(), text.size() - 1) <= 0) return 0;
  const char* after_name = std::strrchr(text.data(), ')');  // the name itself may hold anything
  int parent = 0;
  return after_name && std::sscanf(after_name, ") %*c %d", &parent) == 1 ? parent : 0;
}

class Helper {
 public:
  explicit Helper(int socket) : socket_(socket) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    signals_ = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  [[noreturn]] void run() {
    while (connected_ || program_ > 0) {
      wait();
      reap();
      if (connected_) listen();
      keep_deadlines();
    }
    while (::wait(nullptr) > 0) {  // for the helpers that were forked here
    }
    ::_exit(0);
  }

 private:
  void wait() {
    pollfd watched[] = {{signals_, POLLIN, 0}, {connected_ ? socket_ : -1, POLLIN, 0}};
    const double rest = std::min(terminate_at_, kill_at_) - clock_.seconds();
    const double longest = 3600;
    const int timeout = rest > longest ? -1 : static_cast<int>(1e3 * std::max(0.0, rest)) + 1;
    ::poll(watched, 2, timeout);
    signalfd_siginfo info;
    while (::read(signals_, &info, sizeof info) > 0) {
    }
  }

  void listen() {
    std::string bytes(longest_request, '\0');
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * descriptor_count)];
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0) return;  // nothing there
    if (size == 0) return abandon();
    Request request = decode(std::string_view(bytes).substr(0, static_cast<std::size_t>(size)));
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message))
      for (std::size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int number;
        std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
        request.descriptors.emplace_back(number);
      }
    switch (request.kind) {
      case RequestKind::Start: return start(request);
      case RequestKind::End: return end(request.patience, request.grace);
      case RequestKind::Fork:
        if (::fork() == 0) serve(request.descriptors.front().number());
    }
  }

  void start(Request& request) {
    std::vector<std::string> environment = environment_of(request.program);
    const auto arguments = pointers(request.program.arguments), variables = pointers(environment);
    int failure[2];
    const pid_t helper = ::getpid();
    const bool piped = ::pipe2(failure, O_CLOEXEC) == 0;
    const pid_t child = piped ? ::fork() : -1;
    if (child == 0) become(request, arguments.data(), variables.data(), helper, failure[1]);
    int error = child < 0 ? errno : 0;
    if (piped) ::close(failure[1]);
    if (child > 0 && ::read(failure[0], &error, sizeof error) > 0) ::waitpid(child, nullptr, 0);
    if (piped) ::close(failure[0]);
    if (error != 0) return answer({0, 0, error});
    program_ = child;
    terminate_at_ = kill_at_ = never;
  }

  void end(double patience, double grace) {
    if (program_ == 0) return;
    terminate_at_ = clock_.seconds() + patience;
    kill_at_ = terminate_at_ + grace;
  }

  /// The launcher's process is gone: nobody waits for a grace any more, unless it had asked for one.
  void abandon() {
    connected_ = false;
    if (program_ > 0 && kill_at_ == never) kill_at_ = 0;
  }

  void keep_deadlines() {
    const double now = clock_.seconds();
    if (program_ > 0 && now >= terminate_at_ && now < kill_at_) signal(SIGTERM);
    if (now >= terminate_at_) terminate_at_ = never;
    if (program_ > 0 && now >= kill_at_) {
      signal(SIGKILL);
      kill_at_ = now + 0.1;  // again, should the program have left its group
    }
  }

  void signal(int number) {
    ::kill(-program_, number);
    ::kill(program_, number);
    ::kill(-program_, SIGCONT);  // a stopped process sees no signal but this and SIGKILL
  }

  void reap() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
      if (info.si_pid == program_) ::kill(-program_, SIGKILL);  // while the group's number is still taken
      int status = 0;
      ::waitpid(info.si_pid, &status, 0);
      if (info.si_pid == program_) finish(status);
      info = {};
    }
  }

  void finish(int status) {
    end_descendants();
    program_ = 0;
    terminate_at_ = kill_at_ = never;
    answer(WIFSIGNALED(status) ? Ending{0, WTERMSIG(status), 0} : Ending{WEXITSTATUS(status), 0, 0});
  }

  /// Kills what the program has left behind; this process adopts it, whichever group it is in.
  static void end_descendants() {
    const Stopwatch clock;
    constexpr double longest = 5;  // a process that hangs in the kernel cannot be killed [s]
    while (clock.seconds() < longest) {
      const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
      if (pid < 0) return;
      if (pid > 0) continue;
      for (const pid_t child : numbers_in("/proc"))
        if (parent_of(child) == ::getpid()) ::kill(child, SIGKILL);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  void answer(const Ending& ending) {
    if (connected_) static_cast<void>(::send(socket_, &ending, sizeof ending, MSG_NOSIGNAL));
  }

  int socket_;
  int signals_ = -1;
  bool connected_ = true;
  pid_t program_ = 0;  ///< 0: none
  Stopwatch clock_;
  double terminate_at_ = never, kill_at_ = never;  ///< by clock_
};

/// Keeps nothing that it was born with but the socket: mpirun would wait for it.
void leave_home(int socket) {
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "regatta-helper");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGQUIT})
    ::signal(signal, SIG_IGN);
  const int nothing = ::open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3; ++standard) ::dup2(nothing, standard);
  for (const int number : numbers_in("/proc/self/fd"))
    if (number > 2 && number != socket) ::close(number);
}

}  // namespace

void serve(int socket) {
  leave_home(socket);
  Helper(socket).run();
}

}  // namespace regatta::process
