#include "regatta/run/worker.hpp"

#include <cmath>
#include <thread>

#include "regatta/comm/lane_group.hpp"
#include "regatta/comm/local_group.hpp"
#include "regatta/device/devices.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::run {
namespace {

using search::Reason;
using search::TrialState;

/// Three epochs; the first entry of the configuration says what happens.
class Script final : public objective::Objective {
 public:
  enum What { Fine = 0, Throws = 1, NotANumber = 2, NoMemory = 3, CannotStart = 4, WorkerBroken = 5, Odd = 6, Waits = 7 };

  std::vector<std::string> metrics() const override { return {"other"}; }
  std::int32_t epochs() const override { return 3; }
  void prepare(const objective::WorkerContext& context) override { team_ = context.team; }
  std::unique_ptr<objective::Trainable> start(const space::Config& config, const objective::TrialContext&) override {
    const int what = static_cast<int>(config[0]);
    if (what == CannotStart) throw objective::TrialFailure(objective::FailureKind::Invalid, "too wide");
    if (what == Odd && team_ && team_->rank().value == 1) throw std::bad_alloc();
    return std::make_unique<Steps>(what, team_);
  }

 private:
  class Steps final : public objective::Trainable {
   public:
    Steps(int what, comm::Communicator* team) : what_(what), team_(team) {}
    std::vector<std::byte> save() const override { return {static_cast<std::byte>(epoch_)}; }
    void load(std::span<const std::byte> saved) override { epoch_ = static_cast<int>(saved[0]); }
    bool saves_at_any_time() const override { return what_ == Waits; }
    objective::Rest pause() override {
      if (what_ != Waits) return objective::Rest::Ready;
      return ++asked_ % 3 == 0 ? objective::Rest::Waiting : objective::Rest::NotYet;
    }
    bool go_on(const space::Config&, std::span<const std::byte> saved) override {
      told_ = 100;
      return saved.empty();
    }
    std::optional<objective::Progress> advance() override {
      if (what_ == Throws) throw std::runtime_error("no luck");
      if (what_ == NoMemory) throw device::OutOfDeviceMemory("8 GiB wanted");
      if (what_ == WorkerBroken) throw objective::WorkerFailure("the device is lost");
      std::vector<float> sum{1};
      if (team_) team_->begin_sum(sum)->wait();
      objective::Progress progress;
      progress.epoch = ++epoch_;
      progress.finished = epoch_ == 3;
      progress.value = what_ == NotANumber ? NAN : told_ + 10.0 * sum[0] + epoch_;
      progress.metrics = {0.5};
      return progress;
    }

   private:
    int what_, epoch_ = 0, asked_ = 0, told_ = 0;
    comm::Communicator* team_;
  };
  comm::Communicator* team_ = nullptr;
};

class WorkerTest : public testing::Test {
 protected:
  void assign(int trial, double what, std::int32_t until = 0) {
    send(controller(), Rank{1}, Assign{TrialId{trial}, 0, 1, until, 0, {what}});
  }
  comm::Communicator& controller() { return link.at(Rank{0}); }
  /// Steps until the worker has nothing to do; returns its reports.
  std::vector<Report> run() {
    std::vector<Report> reports;
    while (worker.step() == 0) {
    }
    while (const auto envelope = controller().poll()) reports.push_back(open_report(*envelope));
    return reports;
  }

  /// Goes on with what is kept of trial `weights`.
  void go_on(int trial, int weights, std::int32_t until = 0, bool awaited = false) {
    send(controller(), Rank{1},
         Assign{TrialId{trial}, 0, 2, until, 0, {Script::Fine}, TrialId{weights}, awaited});
  }

  support::TemporaryFolder folder;
  CheckpointOptions checkpoints{1000, folder / "local", folder / "run"};
  comm::LocalGroup link{2};
  Script script;
  Worker worker{&link.at(Rank{1}), nullptr, script, checkpoints};
};

TEST_F(WorkerTest, GoesOnWithAPausedTrialWhereItWas) {
  assign(0, Script::Fine, 2);
  run();
  assign(1, Script::Fine);
  run();
  go_on(0, 0);

  const auto reports = run();

  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].epoch, 3);
  EXPECT_EQ(reports[0].state, TrialState::Completed);
}

TEST_F(WorkerTest, PausesAtTheEndOfTheEpochWhenToldTo) {
  assign(0, Script::Fine);
  worker.step();
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Paused});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].epoch, 1);
  EXPECT_EQ(reports[0].state, TrialState::Paused);
}

/// A trial that has paused on one lane of a rank goes on on another one.
TEST_F(WorkerTest, HandsWeightsFromLaneToLane) {
  comm::LocalGroup ranks{2};
  comm::LaneGroup above{ranks.at(Rank{0}), 2}, below{ranks.at(Rank{1}), 2};
  Worker first{&below.at(0), nullptr, script}, second{&below.at(1), nullptr, script};
  const Rank lanes[] = {Rank{2}, Rank{3}};
  const auto run_both = [&] {
    std::vector<Report> reports;
    while (first.step() == 0 || second.step() == 0) {
    }
    while (const auto envelope = above.at(0).poll()) reports.push_back(open_report(*envelope));
    return reports;
  };
  send(above.at(0), lanes[0], Assign{TrialId{0}, 0, 1, 2, 0, {Script::Fine}});
  run_both();
  send(above.at(0), lanes[0], Hand{TrialId{0}, TrialId{0}, WorkerId{1}, lanes[1]});
  send(above.at(0), lanes[1], Assign{TrialId{0}, 1, 2, 0, 0, {Script::Fine}, TrialId{0}, true});

  const auto reports = run_both();

  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].epoch, 3);
  EXPECT_EQ(reports[0].state, TrialState::Completed);
}

/// A trial of PBT may be taken over after it has moved and before it has paused again.
TEST_F(WorkerTest, HandsOnWhatItWasHanded) {
  const Hand hand{TrialId{0}, TrialId{8}, WorkerId{5}, Rank{0}};
  go_on(0, 0, 0, true);
  send(controller(), Rank{1}, hand);
  worker.step();
  EXPECT_FALSE(controller().poll()) << "it waits for what it is to hand on";

  send(controller(), Rank{1}, Weights{TrialId{0}, WorkerId{1}, {std::byte{2}}});
  worker.step();
  send(controller(), Rank{1}, hand);
  worker.step();

  for (int i = 0; i < 2; ++i) {
    std::optional<comm::Envelope> envelope;
    while (envelope = controller().poll(), envelope && envelope->tag != static_cast<int>(Tag::Weights)) {
    }
    ASSERT_TRUE(envelope) << i;
    EXPECT_EQ(open_weights(*envelope).bytes, std::vector<std::byte>{std::byte{2}});
  }
}

TEST_F(WorkerTest, GoesOnAtOnceWithATrialThatWaits) {
  assign(0, Script::Waits, 1);
  run();
  go_on(0, 0, 2);
  EXPECT_EQ(run().at(0).value, 112) << "told so, after a pause that took a while";
  go_on(0, 7);
  EXPECT_EQ(run().back().value, 13) << "started anew, as there is nothing of trial 7";

  assign(1, Script::Waits, 1);
  run();
  assign(2, Script::Fine);
  run();
  go_on(1, 1);
  EXPECT_EQ(run().at(0).value, 12) << "started anew, as another one came between";
}

TEST_F(WorkerTest, LetsATrialThatCanSaveItsWorkWhenTheJobIsInterrupted) {
  assign(0, Script::Waits);
  worker.step();
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Cancelled});
  const auto reports = run();
  ASSERT_EQ(reports.back().state, TrialState::Cancelled);

  go_on(0, 0);
  EXPECT_EQ(run().front().epoch, reports.back().epoch + 1);
}

TEST_F(WorkerTest, HandsWhatItKeepsToAnotherAndTakesWhatItIsHanded) {
  assign(0, Script::Fine, 2);
  run();
  send(controller(), Rank{1}, Hand{TrialId{0}, TrialId{0}, WorkerId{5}, Rank{0}});
  worker.step();
  const auto envelope = controller().poll();
  ASSERT_TRUE(envelope.has_value());
  const Weights weights = open_weights(*envelope);
  EXPECT_EQ(weights.trial, TrialId{0});
  EXPECT_EQ(weights.to, WorkerId{5});
  EXPECT_EQ(weights.bytes, std::vector<std::byte>{std::byte{2}});

  go_on(3, 0, 0, true);
  EXPECT_TRUE(run().empty()) << "the weights are not there yet";
  send(controller(), Rank{1}, Weights{TrialId{3}, WorkerId{0}, {std::byte{1}}});
  const auto reports = run();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].epoch, 2);
}

/// A trial may end before the controller's word that another one starts from it has arrived.
TEST_F(WorkerTest, KeepsTheWeightsOfATrialThatHasEndedUntilTheControllersWord) {
  const auto handed = [&] {
    send(controller(), Rank{1}, Hand{TrialId{0}, TrialId{3}, WorkerId{5}, Rank{0}});
    worker.step();
    return open_weights(*controller().poll()).bytes;
  };
  assign(0, Script::Fine, 2);
  run();
  go_on(0, 0);
  ASSERT_EQ(run().back().state, TrialState::Completed);
  EXPECT_EQ(handed(), std::vector<std::byte>{std::byte{2}});

  go_on(3, 0, 3);
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Stopped});
  EXPECT_EQ(run().front().epoch, 3) << "it has taken them before they went";
  EXPECT_TRUE(handed().empty());
}

TEST_F(WorkerTest, StartsOverWhenNothingIsKept) {
  go_on(0, 0, 2);

  EXPECT_EQ(run().front().epoch, 1);
}

TEST_F(WorkerTest, SavesWhatItKeepsAtACheckpointAndAtTheEnd) {
  assign(0, Script::Fine);
  worker.step();
  send(controller(), Rank{1}, Checkpoint{TrialId{0}});
  worker.step();
  EXPECT_TRUE(std::filesystem::exists(checkpoint_file(checkpoints.directory, TrialId{0})));
  EXPECT_EQ(run().back().state, TrialState::Completed);
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Stopped});
  run();
  EXPECT_FALSE(std::filesystem::exists(checkpoint_file(checkpoints.directory, TrialId{0})));

  assign(1, Script::Fine, 2);
  run();
  send(controller(), Rank{1}, Shutdown{});
  run();
  Worker later{&link.at(Rank{1}), nullptr, script, checkpoints};
  go_on(1, 1);
  while (later.step() == 0) {
  }
  EXPECT_EQ(open_report(*controller().poll()).epoch, 3);
}

TEST_F(WorkerTest, ForgetsATrialThatIsOver) {
  assign(0, Script::Fine, 2);
  run();
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Stopped});
  go_on(0, 0, 2);

  EXPECT_EQ(run().front().epoch, 1);
}

TEST_F(WorkerTest, ReportsEveryEpochAndTheEnd) {
  assign(0, Script::Fine);

  const auto reports = run();

  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].epoch, 1);
  EXPECT_EQ(reports[0].state, TrialState::Running);
  EXPECT_EQ(reports[2].state, TrialState::Completed);
  EXPECT_EQ(reports[2].value, 13);
  EXPECT_EQ(reports[2].metrics, (std::vector<double>{0.5}));
  EXPECT_FALSE(worker.busy());
}

TEST_F(WorkerTest, TurnsEveryFailureOfATrialIntoAReasonAndGoesOn) {
  const std::vector<std::pair<double, Reason>> cases{{Script::Throws, Reason::Crash},
                                                    {Script::NotANumber, Reason::Diverged},
                                                    {Script::NoMemory, Reason::OutOfMemory},
                                                    {Script::CannotStart, Reason::Invalid}};
  for (const auto& [what, reason] : cases) {
    assign(1, what);
    const auto reports = run();
    ASSERT_EQ(reports.size(), 1u) << what;
    EXPECT_EQ(reports[0].state, TrialState::Failed);
    EXPECT_EQ(reports[0].reason, reason);
    EXPECT_FALSE(reports[0].message.empty());
  }
  assign(2, Script::Fine);
  EXPECT_EQ(run().back().state, TrialState::Completed);
}

TEST_F(WorkerTest, LetsABrokenWorkerEscape) {
  assign(0, Script::WorkerBroken);

  EXPECT_THROW(run(), objective::WorkerFailure);
}

TEST_F(WorkerTest, PausesAtItsGoal) {
  assign(0, Script::Fine, 2);

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].state, TrialState::Paused);
  EXPECT_EQ(reports[1].epoch, 2);
}

TEST_F(WorkerTest, EndsACancelledTrialRunningOrWaiting) {
  assign(0, Script::Fine);
  assign(1, Script::Fine);
  worker.step();  // trial 0 starts, trial 1 waits
  send(controller(), Rank{1}, Cancel{TrialId{1}, TrialState::Cancelled});
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Stopped});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].trial, TrialId{1});
  EXPECT_EQ(reports[0].state, TrialState::Cancelled);
  EXPECT_EQ(reports[1].trial, TrialId{0});
  EXPECT_EQ(reports[1].state, TrialState::Stopped);
}

TEST_F(WorkerTest, KnowsTheBestTrialThatItWasToldOf) {
  EXPECT_FALSE(worker.incumbent().has_value());
  assign(0, Script::Fine);
  worker.step();
  send(controller(), Rank{1}, Incumbent{TrialId{4}, 0.5, {1}});
  send(controller(), Rank{1}, Incumbent{TrialId{6}, 0.75, {2}});

  EXPECT_EQ(run().back().state, TrialState::Completed) << "nothing else changes";
  ASSERT_TRUE(worker.incumbent().has_value());
  EXPECT_EQ(worker.incumbent()->trial, TrialId{6});
  EXPECT_EQ(worker.incumbent()->value, 0.75);
}

TEST_F(WorkerTest, IgnoresACancelThatComesTooLate) {
  assign(0, Script::Fine);
  run();
  send(controller(), Rank{1}, Cancel{TrialId{0}, TrialState::Stopped});

  EXPECT_TRUE(run().empty());
}

TEST_F(WorkerTest, LeavesAtShutdown) {
  EXPECT_FALSE(worker.finished());
  send(controller(), Rank{1}, Shutdown{});
  run();

  EXPECT_TRUE(worker.finished());
}

/// A team of three in threads, with the controller played by the test.
class TeamTest : public testing::Test {
 protected:
  TeamTest() {
    for (int rank = 0; rank < 3; ++rank)
      threads.emplace_back([this, rank] {
        Script script;
        script.prepare({nullptr, nullptr, &team.at(Rank{rank})});
        Worker worker(rank == 0 ? &link.at(Rank{1}) : nullptr, &team.at(Rank{rank}), script);
        while (!worker.finished())
          if (worker.step() > 0) std::this_thread::yield();
      });
  }
  ~TeamTest() override {
    send(link.at(Rank{0}), Rank{1}, Shutdown{});
    for (auto& thread : threads) thread.join();
  }
  Report next() {
    while (true)
      if (const auto envelope = link.at(Rank{0}).poll()) return open_report(*envelope);
  }
  void assign(int trial, double what) { send(link.at(Rank{0}), Rank{1}, Assign{TrialId{trial}, 0, 1, 0, 0, {what}}); }

  comm::LocalGroup link{2}, team{3};
  std::vector<std::thread> threads;
};

TEST_F(TeamTest, TrainsOneTrialTogetherAndReportsOnce) {
  assign(0, Script::Fine);
  for (int epoch = 1; epoch <= 3; ++epoch) {
    const Report report = next();
    EXPECT_EQ(report.epoch, epoch);
    EXPECT_EQ(report.value, 30 + epoch);  // the sum over three ranks
  }
  assign(1, Script::Fine);
  EXPECT_EQ(next().trial, TrialId{1});
}

TEST_F(TeamTest, GoesOnTogetherWhereItPaused) {
  send(link.at(Rank{0}), Rank{1}, Assign{TrialId{0}, 0, 1, 2, 0, {Script::Fine}});
  while (next().state != TrialState::Paused) {
  }
  send(link.at(Rank{0}), Rank{1}, Assign{TrialId{0}, 0, 2, 0, 0, {Script::Fine}, TrialId{0}});

  const Report report = next();

  EXPECT_EQ(report.epoch, 3);
  EXPECT_EQ(report.value, 33) << "all three ranks have come to epoch 3";
  EXPECT_EQ(report.state, TrialState::Completed);
}

TEST_F(TeamTest, FailsTogetherWhenOneRankCannotStart) {
  assign(0, Script::Odd);

  const Report report = next();
  EXPECT_EQ(report.state, TrialState::Failed);

  assign(1, Script::Fine);
  EXPECT_EQ(next().epoch, 1);
}

TEST_F(TeamTest, EndsTogetherAtACancelAndTakesTheNextTrial) {
  assign(0, Script::Fine);
  send(link.at(Rank{0}), Rank{1}, Cancel{TrialId{0}, TrialState::Stopped});
  Report report = next();
  while (report.state == TrialState::Running) report = next();
  EXPECT_TRUE(report.state == TrialState::Stopped || report.state == TrialState::Completed);

  assign(1, Script::Fine);
  while (report.trial != TrialId{1} || report.state == TrialState::Running) report = next();
  EXPECT_EQ(report.state, TrialState::Completed);
}

}  // namespace
}  // namespace regatta::run
