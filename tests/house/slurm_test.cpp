// The batch scripts, with stand-ins for mpirun, regatta and scontrol on PATH that write down what they are asked to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::support {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

// Runs what follows its options until END_AFTER seconds are over or USR2 says so, as Regatta does.
constexpr const char* fake_mpirun = R"(#!/bin/bash
echo "mpirun $*" >> calls
mkdir -p runs/digits
touch runs/digits/journal.bin
finish() { echo "{\"state\": \"$1\", \"reason\": \"\"}" > runs/digits/status.json; exit "$EXIT_CODE"; }
trap 'echo USR2 >> calls; finish INTERRUPTED' USR2
trap 'echo TERM >> calls; exit 1' TERM
echo started
if [ -n "$WAIT" ]; then while true; do sleep 0.01; done; fi
finish "$STATE"
)";

// Slurm ends the script with TERM when a job is queued again.
constexpr const char* fake_scontrol = R"(#!/bin/bash
echo "scontrol $*" >> calls
kill -TERM $PPID
)";

class BatchScript : public testing::TestWithParam<std::string> {
 protected:
  BatchScript() {
    fs::copy(fs::path(REGATTA_SOURCE_DIR) / "slurm", folder / "slurm");
    fs::remove(folder / "slurm/site.sh");
    program("mpirun", fake_mpirun);
    program("scontrol", fake_scontrol);
    program("regatta", "#!/bin/bash\n");
    options.cwd = folder.path();
    options.environment = {{"PATH", (folder / "bin").string() + ":" + std::getenv("PATH")},
                           {"SLURM_SUBMIT_DIR", folder.path().string()},
                           {"SLURM_JOB_ID", "42"},
                           {"STATE", "COMPLETE"},
                           {"EXIT_CODE", "0"}};
  }

  void program(const std::string& name, const std::string& text) {
    fs::permissions(folder.write("bin/" + name, text), fs::perms::owner_all);
  }

  std::vector<std::string> command() const {
    return {"bash", (folder / "slurm" / GetParam()).string(), "inputs/digits.ini", "study.trials=9"};
  }

  /// Everything that the stand-ins were asked to do.
  std::vector<std::string> calls() const {
    std::vector<std::string> lines;
    std::ifstream file(folder / "calls");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::string run_call() const {
    return "mpirun --bind-to none regatta run inputs/digits.ini log.directory=" + (folder / "runs/digits").string() +
           " study.trials=9";
  }

  /// Starts the script, sends the signal once mpirun runs, and waits for the end.
  ProcessResult interrupted_by(int signal) {
    options.environment["WAIT"] = "yes";
    ChildProcess script(command(), options);
    EXPECT_TRUE(script.wait_for_output("started"));
    script.kill(signal);
    const ProcessResult result = script.wait();
    EXPECT_FALSE(result.timed_out);
    return result;
  }

  TemporaryFolder folder;
  ProcessOptions options;
};

TEST_P(BatchScript, EndsWithTheJobAndIsNotQueuedAgain) {
  const ProcessResult result = run_process(command(), options);

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(calls(), std::vector<std::string>{run_call()}) << result;
}

TEST_P(BatchScript, ReturnsTheExitCodeOfTheJob) {
  options.environment["EXIT_CODE"] = "4";
  options.environment["STATE"] = "FAILED";

  const ProcessResult result = run_process(command(), options);

  EXPECT_EQ(result.exit_code, 4) << result;
  EXPECT_EQ(calls(), std::vector<std::string>{run_call()}) << result;
}

TEST_P(BatchScript, PassesUsr2OnAndIsQueuedAgain) {
  const ProcessResult result = interrupted_by(SIGUSR2);

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(calls(), (std::vector<std::string>{run_call(), "USR2", "scontrol requeue 42"})) << result;
}

TEST_P(BatchScript, PassesUsr1AndTermOnAsUsr2) {
  for (const int signal : {SIGUSR1, SIGTERM}) {
    fs::remove_all(folder / "runs");
    fs::remove(folder / "calls");

    const ProcessResult result = interrupted_by(signal);

    EXPECT_EQ(result.exit_code, 0) << result;
    EXPECT_EQ(calls(), (std::vector<std::string>{run_call(), "USR2", "scontrol requeue 42"})) << result;
  }
}

TEST_P(BatchScript, ReturnsTheExitCodeOfAJobThatFailsAfterASignal) {
  options.environment["EXIT_CODE"] = "1";

  const ProcessResult result = interrupted_by(SIGUSR2);

  EXPECT_EQ(result.exit_code, 1) << result;
  EXPECT_EQ(calls(), (std::vector<std::string>{run_call(), "USR2"})) << result;
}

TEST_P(BatchScript, IsNotQueuedAgainPastTheRestartLimit) {
  options.environment["SLURM_RESTART_COUNT"] = "3";
  options.environment["REGATTA_MAX_RESTARTS"] = "3";

  const ProcessResult result = interrupted_by(SIGUSR2);

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(calls(), (std::vector<std::string>{run_call(), "USR2"})) << result;
  EXPECT_THAT(result.out, HasSubstr("not queued again")) << result;
}

TEST_P(BatchScript, ResumesARunThatHasAJournal) {
  folder.write("runs/digits/journal.bin", "");
  folder.write("runs/digits/status.json", "{\n  \"state\": \"INTERRUPTED\"\n}\n");

  const ProcessResult result = run_process(command(), options);

  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(calls(), std::vector<std::string>{"mpirun --bind-to none regatta resume " +
                                              (folder / "runs/digits").string() + " study.trials=9"});
}

TEST_P(BatchScript, ReadsTheSiteFileFirst) {
  folder.write("slurm/site.sh", "REGATTA_LAUNCH='mpirun --of-the-site'\n");

  const ProcessResult result = run_process(command(), options);

  ASSERT_EQ(calls().size(), 1) << result;
  EXPECT_EQ(calls()[0].rfind("mpirun --of-the-site regatta run", 0), 0) << calls()[0];
}

TEST_P(BatchScript, SaysHowToUseItWithoutAnInputFile) {
  const ProcessResult result = run_process({"bash", (folder / "slurm" / GetParam()).string()}, options);

  EXPECT_EQ(result.exit_code, 2) << result;
  EXPECT_THAT(result.out, HasSubstr("usage: sbatch")) << result;
}

TEST_P(BatchScript, AsksSlurmForWhatARestartNeeds) {
  std::ifstream file(folder / "slurm" / GetParam());
  std::stringstream text;
  text << file.rdbuf();
  for (const char* request : {"--signal=B:USR2@600", "--requeue", "--open-mode=append", "--ntasks-per-node=",
                              "--gpus-per-node="})
    EXPECT_THAT(text.str(), HasSubstr(std::string("#SBATCH ") + request)) << request;
}

INSTANTIATE_TEST_SUITE_P(Slurm, BatchScript, testing::Values("one_node.sbatch", "many_nodes.sbatch"),
                         [](const auto& script) { return script.param.substr(0, script.param.find('.')); });

}  // namespace
}  // namespace regatta::support
