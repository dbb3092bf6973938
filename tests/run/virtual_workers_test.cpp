#include "run/virtual_workers.hpp"

#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

using search::TrialState;

/// Trials of ten epochs, each of as many seconds as the first entry of the configuration says.
class Steady final : public objective::Objective {
 public:
  std::vector<std::string> metrics() const override { return {}; }
  std::int32_t epochs() const override { return 10; }
  void prepare(const objective::WorkerContext&) override {}
  bool simulated() const override { return true; }
  std::unique_ptr<objective::Trainable> start(const space::Config& config,
                                              const objective::TrialContext& context) override {
    EXPECT_TRUE(context.virtual_time);
    ++started;
    if (config[0] < 0) throw objective::TrialFailure(objective::FailureKind::Invalid, "no time at all");
    return std::make_unique<Steps>(config[0]);
  }
  int started = 0;

 private:
  class Steps final : public objective::Trainable {
   public:
    explicit Steps(double seconds) : seconds_(seconds) {}
    std::optional<objective::Progress> advance() override {
      if (std::isnan(seconds_)) throw std::bad_alloc();
      ++epoch_;
      return objective::Progress{epoch_, epoch_ == 10, 1.0 / epoch_, {}, NAN, {}};
    }
    std::vector<std::byte> save() const override { return {static_cast<std::byte>(epoch_)}; }
    void load(std::span<const std::byte> saved) override { epoch_ = static_cast<std::int32_t>(saved[0]); }
    std::optional<double> epoch_seconds() const override {
      return std::isnan(seconds_) ? std::nullopt : std::optional(seconds_);
    }

   private:
    double seconds_;
    std::int32_t epoch_ = 0;
  };
};

class VirtualWorkersTest : public testing::Test {
 protected:
  static constexpr WorkerId first{0}, second{1};

  void assign(WorkerId to, int trial, double seconds, std::int32_t until = 0) {
    workers.send(to, Assign{TrialId{trial}, 0, 1, until, 0, {seconds}});
  }
  VirtualWorkers::Mail next_mail() {
    workers.pass_until(workers.next());
    return workers.collect();
  }

  Steady objective;
  SimulationOptions options{.workers = 2};
  VirtualWorkers workers{objective, options};
};

TEST_F(VirtualWorkersTest, ReportEachEpochWhenItIsOver) {
  EXPECT_EQ(workers.next(), HUGE_VAL);
  assign(first, 0, 3);
  assign(second, 1, 2);

  EXPECT_EQ(workers.next(), 2);
  EXPECT_EQ(next_mail().front().second.trial, TrialId{1});
  EXPECT_EQ(workers.next(), 3);
  EXPECT_EQ(next_mail().front().first, first);
  EXPECT_EQ(workers.next(), 4);
}

TEST_F(VirtualWorkersTest, GoOnWithAPausedTrialWhereItWas) {
  assign(first, 0, 1, 2);
  next_mail();
  const Report paused = next_mail().front().second;
  workers.send(second, Assign{TrialId{0}, 0, 2, 0, 0, {1}, TrialId{0}});
  const Report later = next_mail().front().second;

  EXPECT_EQ(paused.state, TrialState::Paused);
  EXPECT_EQ(paused.epoch, 2);
  EXPECT_EQ(later.epoch, 3);
  EXPECT_EQ(later.state, TrialState::Running);
}

TEST_F(VirtualWorkersTest, StartATrialFromTheWeightsOfAnother) {
  assign(first, 0, 1, 2);
  next_mail();
  next_mail();
  workers.send(second, Assign{TrialId{1}, 0, 1, 0, 0, {1}, TrialId{0}});

  EXPECT_EQ(next_mail().front().second.epoch, 3);
}

TEST_F(VirtualWorkersTest, PauseATrialAfterItsEpoch) {
  assign(first, 0, 2);
  workers.send(first, Cancel{TrialId{0}, TrialState::Paused});

  EXPECT_EQ(workers.next(), 2);
  const Report paused = next_mail().front().second;
  EXPECT_EQ(paused.epoch, 1);
  EXPECT_EQ(paused.state, TrialState::Paused);
}

TEST_F(VirtualWorkersTest, EndATrialThatIsCalledInAtOnce) {
  assign(first, 0, 5);
  assign(first, 1, 5);
  next_mail();

  workers.send(first, Cancel{TrialId{0}, TrialState::Stopped});
  EXPECT_EQ(workers.next(), 5);
  const auto mail = next_mail();

  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0].second.state, TrialState::Stopped);
  EXPECT_EQ(mail[0].second.epoch, 1);
  EXPECT_EQ(mail[0].second.seconds, 5);
  EXPECT_EQ(workers.next(), 10) << "the next one has begun";
}

TEST_F(VirtualWorkersTest, GiveAWaitingTrialBack) {
  assign(first, 0, 5);
  assign(first, 1, 5);

  workers.send(first, Cancel{TrialId{1}, TrialState::Cancelled});
  workers.send(first, Cancel{TrialId{7}, TrialState::Cancelled});
  const auto mail = next_mail();

  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0].second.trial, TrialId{1});
  EXPECT_EQ(mail[0].second.state, TrialState::Cancelled);
  EXPECT_EQ(workers.next(), 5);
}

TEST_F(VirtualWorkersTest, TellEpochsWithoutDurationOneByOne) {
  assign(first, 0, 0);

  for (int epoch = 1; epoch <= 3; ++epoch) {
    const auto mail = next_mail();
    ASSERT_EQ(mail.size(), 1u);
    EXPECT_EQ(mail[0].second.epoch, epoch);
  }
}

TEST_F(VirtualWorkersTest, FailATrialWithoutHarm) {
  assign(first, 0, -1);
  assign(second, 1, NAN);

  const Report refused = next_mail().front().second, crashed = next_mail().front().second;

  EXPECT_EQ(refused.reason, search::Reason::Invalid);
  EXPECT_GT(refused.seconds, 0) << "or time would stand still where every trial is refused";
  EXPECT_EQ(crashed.reason, search::Reason::OutOfMemory);
  EXPECT_EQ(crashed.seconds, 1) << "nothing is known of its epochs";
  EXPECT_EQ(workers.next(), HUGE_VAL);
}

}  // namespace
}  // namespace regatta::run
