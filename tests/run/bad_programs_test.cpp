// The real binary under mpirun with programs that do everything that programs should not do.

#include <sched.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "regatta/log/study_reader.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

namespace fs = std::filesystem;
using search::Reason;
using search::TrialState;
using testing::HasSubstr;

/// $1 says what it does. Everything that could stay behind has this folder as its own.
constexpr const char* script = R"(#!/bin/sh
report() { echo regatta: value=1; }
case $1 in
  fine) report ;;
  exit) echo broken; exit 3 ;;
  signal) kill -SEGV $$ ;;
  nan) echo regatta: value=nan; sleep 600 ;;
  nothing) ;;
  flood) for i in 1 2 3 4 5 6 7 8 9 10; do yes $(seq 50) | head -c 100000000; echo; echo regatta: value=1; done ;;
  garbage) head -c 1000000 /dev/urandom; echo; report ;;
  closes) report; exec 0<&- 1>&- 2>&- 3>&- 4>&-; sleep 0.1 ;;
  grandchildren) sleep 600 & setsid sleep 600 & report ;;
  zombies) (true & exec sleep 600) & report ;;
  deaf) trap '' TERM; while :; do sleep 0.1; done ;;
  hangs) report; sleep 600 ;;
  memory) dd if=/dev/zero of=/dev/null bs=100000G count=1 ;;
  twice) echo regatta: epoch=1 value=4; echo regatta: epoch=1 value=1; echo regatta: epoch=3 value=2; echo regatta: epoch=2 value=1 ;;
esac
)";

/// What a trial is expected to come to.
struct Expected {
  TrialState state;
  Reason reason;
  std::string message;
  int exit_code = 0;
};

using Expectations = std::map<std::string, Expected>;  ///< by what the trials do

std::string input(const Expectations& expectations, const std::string& report_timeout) {
  std::string text =
      "[study]\ntrials = 1\n[objective]\ntype = command\ncommand = {program} {case}\nreport_timeout = " +
      report_timeout +
      "\ngrace = 200ms\n"
      "output = 100KB\n[log]\nverbosity = 2\n[space]\nprogram = choice('./bad', './missing', './text')\ncase "
      "= choice(";
  std::string trials, separator;
  for (const auto& [name, expected] : expectations) {
    text += separator + name;
    separator = ", ";
    const bool program = name == "missing" || name == "text";
    trials += "[trial]\nprogram = ./" + (program ? name : "bad") + "\ncase = " + name + "\n";
  }
  return text + ")\n" + trials;
}

/// Processes that stand in the folder.
int processes_in(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code gone;
    if (fs::read_symlink(entry.path() / "cwd", gone) == folder) ++count;
  }
  return count;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

class BadPrograms : public testing::Test {
 protected:
  /// Runs a study of programs that do what the names say, and looks at what has become of each.
  void run(const Expectations& expectations, const std::string& report_timeout) {
    ::chmod(folder.write("bad", script).c_str(), 0755);
    folder.write("text", "no program");
    const std::string file = folder.write("x.ini", input(expectations, report_timeout)).string();
    result = support::run_process(
        support::mpirun(4, {REGATTA_BINARY, "run", file, "log.directory=" + directory.string()}));
    const log::Study study = log::read_study(directory);
    trials = study.history.trials();
    ASSERT_EQ(trials.size(), expectations.size()) << result;
    for (std::size_t i = 0; const auto& [name, expected] : expectations) {
      const search::Trial& trial = trials[i++];
      EXPECT_EQ(trial.state, expected.state) << name << ": " << trial.message;
      EXPECT_EQ(trial.reason, expected.reason) << name << ": " << trial.message;
      EXPECT_THAT(trial.message, HasSubstr(expected.message)) << name;
      EXPECT_EQ(trial.exit_code, expected.exit_code) << name;
    }
    EXPECT_EQ(processes_in(folder.path()), 0);
    for (const std::string& name : names_in(directory / "trials")) {
      EXPECT_THAT(name, testing::EndsWith(".log"));
      EXPECT_LE(fs::file_size(directory / "trials" / name), 100'100u) << name;
    }
    EXPECT_THAT(names_in(folder.path()), testing::UnorderedElementsAre("bad", "text", "x.ini", "run"));
  }

  support::TemporaryFolder folder;
  fs::path directory = folder / "run";
  support::ProcessResult result;
  std::vector<search::Trial> trials;
};

TEST_F(BadPrograms, HarmTheirOwnTrialsOnly) {
  using enum TrialState;
  const Expectations expectations{
      {"fine", {Completed, Reason::None, ""}},
      {"exit", {Failed, Reason::Crash, "exit code 3\nbroken", 3}},
      {"signal", {Failed, Reason::Crash, "ended by signal 11 (Segmentation fault)", 139}},
      {"nan", {Failed, Reason::Diverged, "nan"}},
      {"nothing", {Failed, Reason::Crash, "ended without a report of value"}},
      {"flood", {Completed, Reason::None, ""}},
      {"garbage", {Completed, Reason::None, ""}},
      {"closes", {Completed, Reason::None, ""}},
      {"grandchildren", {Completed, Reason::None, ""}},
      {"zombies", {Completed, Reason::None, ""}},
      {"memory", {Failed, Reason::OutOfMemory, "memory exhausted", 1}},
      {"twice", {Completed, Reason::None, ""}},
      {"missing", {Failed, Reason::Invalid, "cannot start ./missing: No such file or directory"}},
      {"text", {Failed, Reason::Invalid, "cannot start ./text: Permission denied"}},
  };
  run(expectations, "10min");

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("broken")) << "the last lines of a failed trial are shown";
  const search::Trial& twice =
      trials[static_cast<std::size_t>(std::distance(expectations.begin(), expectations.find("twice")))];
  EXPECT_EQ(twice.objective, 2);
  EXPECT_EQ(twice.epochs, 3);
}

TEST_F(BadPrograms, EndWhenTheirTimeIsOver) {
  run({{"deaf", {TrialState::Failed, Reason::Timeout, "no report for 500 ms (objective.report_timeout)"}},
       {"hangs", {TrialState::Failed, Reason::Timeout, "no report for 500 ms"}}},
      "500ms");

  EXPECT_EQ(result.exit_code, 4) << result;
}

TEST(Programs, MayBeMpirunThemselves) {
  const support::TemporaryFolder folder;
  const auto input = folder.write(
      "x.ini",
      std::string("[study]\ntrials = 2\n[space]\nx = int(1, 9)\n[objective]\ntype = command\ncommand = ") +
          REGATTA_MPIEXEC +
          " --allow-run-as-root --oversubscribe --bind-to none -n 2 sh -c '[ $OMPI_COMM_WORLD_RANK = 0 ] || "
          "echo regatta: value=${OMPI_COMM_WORLD_SIZE}{x}'\n");

  const support::ProcessResult result = support::run_process(support::mpirun(
      2, {REGATTA_BINARY, "run", input.string(), "log.directory=" + (folder / "run").string()}));

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study study = log::read_study(folder / "run");
  for (const search::Trial& trial : study.history.trials())
    EXPECT_EQ(trial.objective, 20 + trial.config[0]) << trial.message;
}

/// The first core of the mask of a program, as it reports it.
TEST(Programs, KeepToTheCoresOfTheirWorker) {
  cpu_set_t mask;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
  if (CPU_COUNT(&mask) < 2) GTEST_SKIP() << "there is one core only";
  const support::TemporaryFolder folder;
  folder.write("cores.py", "import os\nmine = os.sched_getaffinity(0)\nassert os.environ['OMP_NUM_THREADS'] == '1' == str(len(mine))\n"
                           "print('regatta: value=%d' % min(mine))\n");
  const auto input = folder.write("x.ini", "[study]\ntrials = 8\n[space]\nx = int(1, 9)\n[workers]\ncores_per_trial = 1\n"
                                           "[objective]\ntype = command\ncommand = python3 cores.py\n");
  ::unsetenv("OMP_NUM_THREADS");

  const support::ProcessResult result = support::run_process(support::mpirun(
      3, {REGATTA_BINARY, "run", input.string(), "log.directory=" + (folder / "run").string()}));

  ASSERT_EQ(result.exit_code, 0) << result;
  const log::Study study = log::read_study(folder / "run");
  EXPECT_EQ(study.history.count(TrialState::Completed), 8u) << result;
  std::map<int, std::set<double>> cores;  // by worker
  for (const log::Attempt& attempt : study.attempts)
    cores[attempt.start.worker.value].insert(study.history[attempt.start.trial].objective);
  for (const auto& [worker, own] : cores) EXPECT_EQ(own.size(), 1u) << "worker " << worker;
  if (cores.size() == 2) {
    EXPECT_NE(cores.begin()->second, cores.rbegin()->second);
  }
}

/// Also when the whole job is killed from outside.
TEST(Programs, DieWithTheirWorker) {
  const support::TemporaryFolder folder;
  const auto input =
      folder.write("x.ini",
                   "[study]\ntrials = 2\n[space]\nx = int(1, 9)\n[objective]\ntype = command\nshell = true\n"
                   "command = echo up > up{x}; trap '' TERM; sleep 600 & setsid sleep 600 & wait\n");
  support::ChildProcess job(
      {REGATTA_BINARY, "run", input.string(), "log.directory=" + (folder / "run").string()});
  while (job.running() && processes_in(folder.path()) < 3)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));

  job.kill(SIGKILL);
  job.wait();

  for (int i = 0; i < 2000 && processes_in(folder.path()) > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(processes_in(folder.path()), 0);
}

}  // namespace
}  // namespace regatta
