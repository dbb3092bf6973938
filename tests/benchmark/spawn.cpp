// What a trial costs beside its program: of an empty command beside a bare spawn, and of a persistent program
// that answers at once beside the same program on a pipe.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "benchmark.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "support/process.hpp"

using namespace regatta;

namespace {

constexpr const char* answers_at_once =
    "import sys\nfor line in sys.stdin: print(\"regatta: value=1 done\", flush=True)";

/// Seconds of posix_spawn and waitpid of /bin/true.
double bare_spawn(int count) {
  char program[] = "/bin/true";
  char* arguments[] = {program, nullptr};
  const Stopwatch clock;
  for (int i = 0; i < count; ++i) {
    pid_t pid = 0;
    require(::posix_spawn(&pid, program, nullptr, nullptr, arguments, environ) == 0,
            "cannot start /bin/true");
    ::waitpid(pid, nullptr, 0);
  }
  return clock.seconds() / count;
}

/// Seconds of a question and an answer over two pipes, without Regatta.
double bare_answer(int count) {
  int to[2], from[2];
  require(::pipe(to) == 0 && ::pipe(from) == 0, "no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  for (const int end : {to[0], to[1], from[0], from[1]}) posix_spawn_file_actions_addclose(&actions, end);
  std::string python = "python3", option = "-c", script = answers_at_once;
  char* arguments[] = {python.data(), option.data(), script.data(), nullptr};
  pid_t pid = 0;
  require(::posix_spawnp(&pid, python.c_str(), &actions, nullptr, arguments, environ) == 0,
          "cannot start python3");
  posix_spawn_file_actions_destroy(&actions);
  Stopwatch clock;
  for (int i = 0; i <= count; ++i) {
    char answer[100];
    require(::write(to[1], "{}\n", 3) == 3 && ::read(from[0], answer, sizeof answer) > 0, "no answer");
    if (i == 0) clock.restart();  // the program is there
  }
  const double seconds = clock.seconds() / count;
  ::close(to[1]);
  ::waitpid(pid, nullptr, 0);
  for (const int end : {to[0], from[0], from[1]}) ::close(end);
  return seconds;
}

/// Seconds from the end of the first trial to the last end per trial, with one worker.
double per_trial(const std::string& options, int trials) {
  const support::TemporaryFolder folder;
  const auto input =
      folder.write("x.ini", concat("[study]\ntrials = ", trials,
                                   "\n[space]\nx = uniform(0, 1)\n[objective]\ntype = command\n", options,
                                   "[search]\nalgorithm = random\n[log]\nverbosity = 0\n"));
  folder.write("answer.py", answers_at_once);
  const auto directory = folder / "run";
  const auto result = support::run_process(
      support::mpirun(2, {REGATTA_BINARY, "run", input.string(), "log.directory=" + directory.string()}),
      {.timeout_s = 300});
  const log::Study study = log::read_study(directory);
  require(std::ssize(study.attempts) == trials, "trials are missing: ", result.err);
  std::vector<double> ends;
  for (const log::Attempt& attempt : study.attempts) {
    require(attempt.end.has_value(), "a trial has not ended: ", result.err);
    ends.push_back(attempt.end->time);
  }
  const auto [first, last] = std::ranges::minmax(ends);
  return (last - first) / (trials - 1);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Report report("spawn", argc, argv, 5);
  benchmark::Figure bare{
      "bare spawn of /bin/true", {}, "ms", "", "posix_spawn and waitpid from a small process"};
  benchmark::Figure empty{
      "trial of /bin/true", {}, "ms", "", "300 trials, one worker under mpirun, everything logged"};
  benchmark::Figure overhead{"overhead of a trial", {}, "ms", "<= 3", "the difference"};
  benchmark::Figure answer{"bare answer", {}, "us", "", "question and answer of the same program over pipes"};
  benchmark::Figure persistent{"persistent trial",
                               {},
                               "us",
                               "<= 100",
                               "3000 trials of a Python loop that answers at once, one worker under mpirun"};
  for (int i = 0; i < report.repeats(); ++i) {
    bare.values.push_back(1e3 * bare_spawn(300));
    empty.values.push_back(1e3 * per_trial("command = /bin/true\n", 300));
    overhead.values.push_back(empty.values.back() - bare.values.back());
    answer.values.push_back(1e6 * bare_answer(3000));
    persistent.values.push_back(
        1e6 * per_trial("command = python3 answer.py\npersistent = true\noutput = none\n", 3000));
  }
  for (const auto& figure : {bare, empty, overhead, answer, persistent}) report.add(figure);
  report.finish();
}
