#include "regatta/run/messages.hpp"

#include <cmath>

#include "regatta/comm/local_group.hpp"
#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

class Messages : public testing::Test {
 protected:
  template <class Message>
  comm::Envelope travel(const Message& message) {
    send(group.at(Rank{0}), Rank{1}, message);
    return *group.at(Rank{1}).poll();
  }
  comm::LocalGroup group{2};
};

TEST_F(Messages, CarryAnAssignmentWithItsConfiguration) {
  const Assign sent{TrialId{7}, 1, 2, 9, 0xffff'ffff'ffff'fff1ull, {0.5, std::nan(""), 3}};

  const Assign got = open_assign(travel(sent));

  EXPECT_EQ(got.trial, sent.trial);
  EXPECT_EQ(got.lane, 1);
  EXPECT_EQ(got.attempt, 2);
  EXPECT_EQ(got.until_epoch, 9);
  EXPECT_EQ(got.seed, sent.seed);
  ASSERT_EQ(got.config.size(), 3u);
  EXPECT_EQ(got.config[0], 0.5);
  EXPECT_TRUE(std::isnan(got.config[1]));
}

TEST_F(Messages, CarryAReportWithMetricsFoldsAndText) {
  Report sent;
  sent.trial = TrialId{3};
  sent.epoch = 5;
  sent.state = search::TrialState::Failed;
  sent.reason = search::Reason::Diverged;
  sent.value = -1.5;
  sent.seconds = 2;
  sent.metrics = {1, 2};
  sent.fold_scores = {3};
  sent.message = "the loss is nan";
  sent.exit_code = 139;
  sent.sums = objective::Sums::InMemory;

  const Report got = open_report(travel(sent));

  EXPECT_EQ(got.epoch, 5);
  EXPECT_EQ(got.state, search::TrialState::Failed);
  EXPECT_EQ(got.reason, search::Reason::Diverged);
  EXPECT_EQ(got.value, -1.5);
  EXPECT_EQ(got.metrics, sent.metrics);
  EXPECT_EQ(got.fold_scores, sent.fold_scores);
  EXPECT_EQ(got.message, sent.message);
  EXPECT_EQ(got.exit_code, 139);
  EXPECT_EQ(got.sums, objective::Sums::InMemory);
}

TEST_F(Messages, CarryTheIncumbentInFewBytes) {
  const comm::Envelope envelope = travel(Incumbent{TrialId{9}, 0.75, {1, std::nan(""), 3}});

  const Incumbent got = open_incumbent(envelope);

  EXPECT_EQ(envelope.payload.size(), 16 + 3 * sizeof(double));
  EXPECT_EQ(got.trial, TrialId{9});
  EXPECT_EQ(got.value, 0.75);
  ASSERT_EQ(got.config.size(), 3u);
  EXPECT_EQ(got.config[2], 3);
}

TEST_F(Messages, AreRefusedWhenCutShort) {
  const comm::Envelope whole = travel(Assign{TrialId{0}, 0, 1, 0, 1, {1, 2, 3}});
  for (std::size_t size = 0; size < whole.payload.size(); ++size) {
    comm::Envelope cut = whole;
    cut.payload.resize(size);
    EXPECT_THROW(open_assign(cut), InvalidInput) << size;
  }
}

TEST_F(Messages, AreNotTakenForEachOther) {
  EXPECT_THROW(open_report(travel(Cancel{TrialId{1}})), InvalidInput);
  EXPECT_EQ(open_cancel(travel(Cancel{TrialId{1}, search::TrialState::Stopped})).state, search::TrialState::Stopped);
}

}  // namespace
}  // namespace regatta::run
