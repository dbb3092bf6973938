#include "regatta/process/launcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "regatta/core/error.hpp"

namespace regatta::process {
namespace {

Program shell(const std::string& script) { return {{"sh", "-c", script}, {}, "/"}; }

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool waits_for(int descriptor) {
  pollfd watched{descriptor, POLLIN, 0};
  return ::poll(&watched, 1, 20'000) == 1;
}

/// All that comes until the other side is closed.
std::string content(const Descriptor& descriptor) {
  std::string text;
  std::array<char, 4096> block{};
  while (waits_for(descriptor.number())) {
    const ssize_t size = ::read(descriptor.number(), block.data(), block.size());
    if (size <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(size));
  }
  return text;
}

Ending wait_for(Launcher& launcher) {
  while (waits_for(launcher.descriptor()))
    if (const auto ending = launcher.poll()) return *ending;
  ADD_FAILURE() << "it does not end";
  return {};
}

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

TEST(Launcher, GivesArgumentsEnvironmentAndFolderToAProgram) {
  Launcher launcher;
  const std::string odd = "a 'b' \"c\"; $(touch d)\n*";

  const Channels channels = launcher.start(
      {{"python3", "-c", "import os, sys; print(os.getcwd(), os.environ['X'], sys.argv[1], end='')", odd},
       {{"X", odd}},
       "/usr"});

  EXPECT_EQ(content(channels.out), "/usr " + odd + " " + odd);
  EXPECT_EQ(content(channels.error), "");
  const Ending ending = wait_for(launcher);
  EXPECT_EQ(ending.code, 0);
  EXPECT_EQ(ending.signal, 0);
}

TEST(Launcher, ConnectsInputControlAndReport) {
  Launcher launcher;
  const Channels channels =
      launcher.start(shell("read a; read b <&4; echo $a $b >&3; ls /proc/self/fd | wc -l"));

  ASSERT_EQ(::write(channels.input.number(), "to\n", 3), 3);
  ASSERT_EQ(::write(channels.control.number(), "fro\n", 4), 4);

  EXPECT_EQ(content(channels.report), "to fro\n");
  EXPECT_EQ(content(channels.out), "6\n") << "five, and that of ls itself: nothing of ours is inherited";
}

TEST(Launcher, TellsHowAProgramEnded) {
  Launcher launcher;

  launcher.start(shell("exit 3"));
  EXPECT_EQ(wait_for(launcher).code, 3);
  launcher.start(shell("kill -SEGV $$"));
  EXPECT_EQ(wait_for(launcher).signal, SIGSEGV);
  launcher.start({{"/nowhere/at/all"}, {}, "/"});
  EXPECT_EQ(wait_for(launcher).start_error, ENOENT);
  launcher.start({{"/etc/passwd"}, {}, "/"});
  EXPECT_EQ(wait_for(launcher).start_error, EACCES);
  launcher.start({{"true"}, {}, "/nowhere/at/all"});
  EXPECT_EQ(wait_for(launcher).start_error, ENOENT);
}

TEST(Launcher, RefusesArgumentsThatAreTooLong) {
  Launcher launcher;

  EXPECT_THROW(launcher.start({{"true", std::string(300'000, 'x')}, {}, "/"}), InvalidInput);
  launcher.start(shell("exit 0"));
  EXPECT_EQ(wait_for(launcher).code, 0);
}

TEST(Launcher, AsksAProgramToEndBeforeItKillsIt) {
  Launcher launcher;
  Channels polite =
      launcher.start(shell("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done"));
  waits_for(polite.out.number());
  launcher.end(0, 20);
  EXPECT_EQ(wait_for(launcher).code, 5);
  EXPECT_EQ(content(polite.out), "up\nbye\n");

  Channels deaf = launcher.start(shell("trap '' TERM; echo up; while :; do sleep 0.01; done"));
  waits_for(deaf.out.number());
  launcher.end(0.01, 0.05);
  EXPECT_EQ(wait_for(launcher).signal, SIGKILL);
}

/// Also those in a session of their own, and those whose parents have left.
TEST(Launcher, EndsWhatAProgramLeavesBehind) {
  Launcher launcher;
  const Channels channels =
      launcher.start(shell("sleep 600 & echo $!; setsid sleep 600 & echo $!; (setsid sh -c 'sleep 600 & echo "
                           "$!; sleep 600' &); sleep 0.1"));

  EXPECT_EQ(wait_for(launcher).code, 0);
  std::istringstream pids(content(channels.out));
  int count = 0;
  for (pid_t pid = 0; pids >> pid; ++count) EXPECT_FALSE(is_alive(pid)) << pid;
  EXPECT_EQ(count, 3);
}

TEST(Launcher, TakesItsProgramAlongAndLeaksNoDescriptor) {
  const std::size_t before = open_descriptors();
  pid_t pid = 0;
  {
    Launcher launcher;
    const Channels channels = launcher.start(shell("trap '' TERM; echo $$; while :; do sleep 0.01; done"));
    waits_for(channels.out.number());
    std::array<char, 20> text{};
    ASSERT_GT(::read(channels.out.number(), text.data(), text.size() - 1), 0);
    pid = std::atoi(text.data());
    ASSERT_TRUE(is_alive(pid));
  }

  EXPECT_FALSE(is_alive(pid));
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Launcher, BindsAProgramToItsCores) {
  cpu_set_t mask;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &mask)) --last;
  Launcher launcher;
  Program program = shell("grep Cpus_allowed_list /proc/self/status | cut -f 2");
  program.cores = {last};

  EXPECT_EQ(content(launcher.start(program).out), std::to_string(last) + "\n");
}

TEST(Launcher, HasOthersForMoreProgramsAtOnce) {
  std::vector<pid_t> pids;
  {
    Launcher launcher;
    Launcher &one = launcher.another(), &other = launcher.another();
    const Channels endless = one.start(shell("trap '' TERM; sleep 600 & echo $! $$; while :; do sleep 0.01; done"));
    const Channels brief = other.start(shell("read word; exit 3"));
    waits_for(endless.out.number());
    ASSERT_EQ(::send(brief.input.number(), "on\n", 3, MSG_NOSIGNAL), 3);
    EXPECT_EQ(wait_for(other).code, 3);
    EXPECT_FALSE(one.poll()) << "it lives, although the other's end took along what that had left behind";
    one.end(0, 0);
    EXPECT_EQ(wait_for(one).signal, SIGKILL);
    std::istringstream numbers(content(endless.out));
    for (pid_t pid = 0; numbers >> pid;) pids.push_back(pid);
  }

  ASSERT_EQ(pids.size(), 2u);
  for (const pid_t pid : pids) EXPECT_FALSE(is_alive(pid));
}

TEST(Launcher, ScrubsWhatWouldKeepAProgramFromStartingMpiItself) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "OMPI_MCA_ess_base_vpid", "PMIX_RANK", "PMI_SIZE",
                           "PALS_RANKID", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_STEP_ID"})
    EXPECT_TRUE(is_launch_variable(name)) << name;
  for (const char* name : {"PATH", "OMP_NUM_THREADS", "SLURM_JOB_ID", "SLURM_JOB_NODELIST", "MY_PMI_X"})
    EXPECT_FALSE(is_launch_variable(name)) << name;
  ::setenv("PMIX_RANK", "0", 1);
  Launcher launcher;
  ::unsetenv("PMIX_RANK");

  EXPECT_EQ(content(launcher.start(shell("echo ${PMIX_RANK-none}")).out), "none\n");
}

}  // namespace
}  // namespace regatta::process
