#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/process.hpp"

namespace regatta::support {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MpiMain, ShowsTheFailureOfEveryRankAndReturnsTheWorst) {
  const ProcessResult result = run_process(mpirun(3, {REGATTA_FAILING_RANKS}));

  EXPECT_EQ(result.exit_code, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("[rank 2] Ranks.AreNotTheLast failed at ")) << result;
  EXPECT_THAT(result.err, HasSubstr("the last one speaks")) << result;
  EXPECT_THAT(result.out, HasSubstr("[  PASSED  ] 1 test.")) << result;
  EXPECT_THAT(result.err, Not(HasSubstr("[rank 1]"))) << result;
}

TEST(MpiMain, PrintsAFailureOfRankZeroInFull) {
  const ProcessResult result = run_process(mpirun(1, {REGATTA_FAILING_RANKS}));

  EXPECT_EQ(result.exit_code, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("[  FAILED  ] Ranks.AreNotTheLast")) << result;
}

}  // namespace
}  // namespace regatta::support
