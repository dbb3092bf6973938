#include "regatta/schedule/scheduler.hpp"

#include <gtest/gtest.h>

#include "regatta/core/error.hpp"

namespace regatta::schedule {
namespace {

TEST(Scheduler, IsFifoUnlessSaidOtherwise) {
  EXPECT_EQ(SchedulerOptions{}.algorithm, scheduler_names().front());
  EXPECT_EQ(scheduler_names().front(), "fifo");
}

TEST(Scheduler, NamesTheNearestAlgorithmWhenItIsUnknown) {
  try {
    make_scheduler({.algorithm = "fifi"});
    FAIL() << "expected InvalidInput";
  } catch (const InvalidInput& error) {
    EXPECT_NE(std::string(error.what()).find("'fifo'"), std::string::npos) << error.what();
  }
}

TEST(FifoScheduler, StartsNewTrialsAndLetsThemTrainToTheirEnd) {
  const auto scheduler = make_scheduler({.algorithm = "fifo"});
  search::History history;

  const Job job = scheduler->next(history);

  EXPECT_FALSE(job.trial.has_value());
  EXPECT_EQ(job.until_epoch, 0);
}

}  // namespace
}  // namespace regatta::schedule
