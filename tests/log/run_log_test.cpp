#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/json.hpp"
#include "regatta/core/random.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/log/run_log.hpp"
#include "regatta/log/study_reader.hpp"
#include "sample_study.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::log {
namespace {

using support::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

Json status_of(const std::filesystem::path& directory) {
  return Json::parse(read_file(directory / "status.json"));
}

/// Waits until `condition` holds; false after a minute.
bool eventually(const auto& condition) {
  const Stopwatch watch;
  while (!condition())
    if (watch.seconds() > 60)
      return false;
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  return true;
}

std::size_t trials_in(const std::filesystem::path& results) {
  return h5::File::open(results).shape("/trials/state")[0];
}

TEST(RunLog, MakesACompleteRunDirectoryBeforeTheFirstEvent) {
  const TemporaryFolder folder;
  const std::filesystem::path directory = folder / "runs" / "digits";

  RunLog log = RunLog::create({.directory = directory}, sample_header());

  EXPECT_EQ(read_file(directory / "used_inputs.ini"), sample_header().used_inputs);
  EXPECT_EQ(trials_in(directory / "regatta.h5"), 0u);
  EXPECT_EQ(read_study(directory).history.trials().size(), 0u);
  const Json status = status_of(directory);
  EXPECT_EQ(status["state"], "RUNNING");
  EXPECT_EQ(status["pid"], ::getpid());
  EXPECT_EQ(status["host"], host_name());
  EXPECT_EQ(status["budget"], 60);
  EXPECT_TRUE(status["best"].is_null());
}

TEST(RunLog, HoldsEverythingAfterClose) {
  const TemporaryFolder folder;
  for (const Sync sync : {Sync::None, Sync::Second, Sync::Event}) {
    const std::filesystem::path directory = folder / std::to_string(static_cast<int>(sync));
    RunLog log = RunLog::create({.directory = directory, .sync = sync}, sample_header());

    for (const search::Event& event : sample_events()) log.write({&event, 1});
    log.close(RunState::Complete, "budget spent");

    const Study study = read_study(directory);
    EXPECT_EQ(study.history.events(), sample_events().size());
    EXPECT_EQ(study.status->state, RunState::Complete);
    EXPECT_EQ(trials_in(directory / "regatta.h5"), 5u);
    EXPECT_EQ(h5::File::open(directory / "regatta.h5").text_attribute("/", "state"), "COMPLETE");
    const Json status = status_of(directory);
    EXPECT_EQ(status["reason"], "budget spent");
    EXPECT_EQ(status["trials"]["completed"], 2);
    EXPECT_EQ(status["trials"]["failed"], 1);
    EXPECT_EQ(status["best"]["trial"], 2);
    EXPECT_EQ(status["best"]["parameters"]["optimizer"], "adam");
    EXPECT_EQ(status["best"]["parameters"]["layers"], 3);
    EXPECT_TRUE(status["best"]["parameters"]["momentum"].is_null());
  }
}

TEST(RunLog, LosesNothingThatWasWrittenWhenItIsDropped) {
  const TemporaryFolder folder;
  {
    RunLog log = RunLog::create({.directory = folder / "run"}, sample_header());
    log.write(sample_events());
  }

  EXPECT_EQ(read_study(folder / "run").history.events(), sample_events().size());
  EXPECT_EQ(status_of(folder / "run")["state"], "RUNNING");  // nobody said how it ended
}

TEST(RunLog, WritesASnapshotWhenAsked) {
  const TemporaryFolder folder;
  RunLog log = RunLog::create({.directory = folder / "run", .snapshot_seconds = 1e9}, sample_header());
  log.write(sample_events());

  log.request_snapshot();

  EXPECT_TRUE(eventually([&] { return trials_in(folder / "run" / "regatta.h5") == 5; }));
}

TEST(RunLog, WritesSnapshotsAndStatusByItself) {
  const TemporaryFolder folder;
  RunLog log = RunLog::create({.directory = folder / "run", .snapshot_seconds = 0}, sample_header());

  log.write(sample_events());

  EXPECT_TRUE(eventually([&] { return trials_in(folder / "run" / "regatta.h5") == 5; }));
  EXPECT_TRUE(eventually([&] { return status_of(folder / "run")["trials"]["completed"] == 2; }));
}

std::string refusal(const std::filesystem::path& directory) {
  try {
    RunLog::create({.directory = directory}, sample_header());
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return "no refusal";
}

TEST(RunLog, RefusesADirectoryThatHoldsARun) {
  const TemporaryFolder folder;
  RunLog log = RunLog::create({.directory = folder / "run"}, sample_header());
  log.write(sample_events());

  const std::string while_running = refusal(folder / "run");
  log.close(RunState::Complete, "budget spent");
  const std::string afterwards = refusal(folder / "run");

  EXPECT_THAT(while_running,
              AllOf(HasSubstr((folder / "run").string()), HasSubstr("RUNNING on " + host_name()),
                    HasSubstr("another log.directory"), HasSubstr("remove")));
  EXPECT_THAT(afterwards, HasSubstr("COMPLETE (budget spent)"));
  EXPECT_EQ(read_study(folder / "run").history.events(), sample_events().size());
}

TEST(RunLog, TellsAKilledRunFromARunningOne) {
  const TemporaryFolder folder;
  folder.write("run/journal.bin", "");
  folder.write("run/status.json", R"({"state": "RUNNING", "reason": "", "host": "elsewhere", "pid": 1,
                                      "started_seconds": 1000, "updated_seconds": 1013.5})");

  EXPECT_THAT(refusal(folder / "run"), HasSubstr("no sign of life since"));
}

TEST(RunLog, RefusesForeignResults) {
  const TemporaryFolder folder;
  folder.write("run/regatta.h5", "somebody's");

  EXPECT_THAT(refusal(folder / "run"), HasSubstr("never overwritten"));
  EXPECT_EQ(read_file(folder / "run" / "regatta.h5"), "somebody's");
}

TEST(RunLog, SaysThatItsDirectoryCannotBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "no directory");

  EXPECT_THAT([&] { RunLog::create({.directory = folder / "file" / "run"}, sample_header()); },
              ThrowsMessage<Unavailable>(AllOf(HasSubstr("file/run"), HasSubstr("another log.directory"))));
  EXPECT_THAT([&] { RunLog::create({.directory = "/proc/regatta"}, sample_header()); },
              ThrowsMessage<Unavailable>(HasSubstr("/proc/regatta")));
}

TEST(RunLog, TellsErrorsOfItsThreadAtTheNextWrite) {
  const TemporaryFolder folder;
  RunLog log = RunLog::create({.directory = folder / "run"}, sample_header());
  std::filesystem::remove_all(folder / "run");
  const std::vector<search::Event> event = {search::Note{"key", {1}}};

  const auto fails = [&] {
    try {
      log.write(event);
      return false;
    } catch (const SystemFailure&) {
      return true;
    }
  };

  EXPECT_TRUE(eventually(fails));
  EXPECT_THROW(log.close(RunState::Complete, ""), SystemFailure);
}

/// Logs trials for ever; tells the number of each down the pipe once its events are written.
[[noreturn]] void log_until_killed(const std::filesystem::path& directory, int acknowledge) {
  RunLog log =
      RunLog::create({.directory = directory, .sync = Sync::None, .snapshot_seconds = 0}, sample_header());
  log.write(std::vector<search::Event>{search::WorkerJoined{{0}, 0, 1, 1, 1, "host", "cpu", ""}});
  for (std::int32_t trial = 0;; ++trial) {
    using namespace search;
    log.write(
        std::vector<Event>{TrialCreated{{trial}, Origin::Searcher, 1, 0, {}, 1, {0.01, 1, 1, not_a_number}}});
    log.write(std::vector<Event>{TrialStarted{{trial}, {0}, 0, 0, 0, 1},
                                 TrialReported{{trial}, 1, 0.5, 1, {1, 2}}});
    log.write(std::vector<Event>{TrialEnded{
        {trial}, TrialState::Completed, Reason::None, 0.5, not_a_number, 1, 0, 1, 0, 0, 2, {}, ""}});
    if (trial % 16 == 0) log.request_snapshot();
    if (::write(acknowledge, &trial, sizeof trial) != sizeof trial) ::_exit(1);
  }
}

/// Kills the process after `delay_ms` from its first trial on; gives the last acknowledged trial.
std::int32_t run_and_kill(const std::filesystem::path& directory, int delay_ms) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) log_until_killed(directory, ends[1]);
  ::close(ends[1]);
  std::int32_t last = -1;
  std::thread reader([&] {
    for (std::int32_t trial = 0; ::read(ends[0], &trial, sizeof trial) == sizeof trial;) {
      if (trial == 0)
        std::thread([=] {
          std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
          ::kill(pid, SIGKILL);
        }).detach();
      last = trial;
    }
  });
  ::waitpid(pid, nullptr, 0);
  reader.join();
  ::close(ends[0]);
  return last;
}

TEST(RunLog, SurvivesAKillAtAnyMoment) {
  Random random(5);
  for (int round = 0; round < 20; ++round) {
    const TemporaryFolder folder;
    const std::int32_t last = run_and_kill(folder / "run", static_cast<int>(random.below(60)));
    ASSERT_GE(last, 0) << "round " << round;

    const Study study = read_study(folder / "run");
    const std::size_t in_results = trials_in(folder / "run" / "regatta.h5");

    EXPECT_GT(study.history.count(search::TrialState::Completed), static_cast<std::size_t>(last))
        << "round " << round;
    EXPECT_LE(in_results, study.history.trials().size());
    EXPECT_EQ(h5::File::open(folder / "run" / "regatta.h5").read_doubles("/trials/params/momentum").size(),
              in_results);
    EXPECT_FALSE(is_alive(*study.status, wall_time()));
  }
}

}  // namespace
}  // namespace regatta::log
