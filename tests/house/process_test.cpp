#include "support/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "support/temporary_folder.hpp"

namespace regatta::support {
namespace {

TEST(Process, ReturnsExitCodeAndBothOutputs) {
  TemporaryFolder folder;
  ProcessOptions options;
  options.cwd = folder.path();
  options.environment = {{"COLOUR", "dark red"}};
  options.input = "hello";

  const ProcessResult result = run_process({"bash", "-c", "cat; echo $COLOUR $PWD >&2; exit 7"}, options);

  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, "hello");
  EXPECT_EQ(result.err, "dark red " + folder.path().string() + "\n");
}

TEST(Process, IsEndedAtItsTimeOut) {
  ProcessOptions options;
  options.timeout_s = 0.2;

  const ProcessResult result = run_process({"bash", "-c", "trap '' TERM; echo ready; sleep 600 & wait; wait"}, options);

  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_EQ(result.out, "ready\n");
}

TEST(Process, TellsWhichSignalEndedIt) {
  ChildProcess child({"bash", "-c", "echo ready; sleep 600"});

  ASSERT_TRUE(child.wait_for_output("ready"));
  child.kill(SIGUSR1);
  const ProcessResult result = child.wait();

  EXPECT_EQ(result.signal, SIGUSR1);
  EXPECT_EQ(result.exit_code, -1);
  EXPECT_FALSE(result.timed_out);
}

TEST(Process, DoesNotBlockOnOutputThatNobodyReads) {
  const ProcessResult result = run_process({"bash", "-c", "head -c 1000000 /dev/zero"});

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.size(), 1000000);
}

TEST(Process, SaysSoWhenTheProgramDoesNotExist) {
  const ProcessResult result = run_process({"no-such-program"});

  EXPECT_EQ(result.exit_code, 127);
  EXPECT_EQ(result.err, "cannot start no-such-program: No such file or directory\n");
}

TEST(Process, WaitsInVainForTextThatIsNeverWritten) {
  ChildProcess child({"echo", "something else"});

  EXPECT_FALSE(child.wait_for_output("these words"));
}

TEST(TemporaryFolder, IsRemovedWithAllThatLiesInIt) {
  std::filesystem::path path;
  {
    TemporaryFolder folder;
    path = folder.path();
    EXPECT_TRUE(std::filesystem::exists(folder.write("a/b.txt", "text")));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace regatta::support
