#include "regatta/run/fresh_proposals.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::run {
namespace {

using namespace std::chrono_literals;
using search::Config;
using search::History;

/// Lets a thread through as often as it is told to.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_ > 0; });
    --open_;
  }
  void open(int times = 1'000'000) {
    const std::lock_guard lock(mutex_);
    open_ += times;
    changed_.notify_all();
  }
  /// Until somebody has come `times` times in all.
  void wait_for(int times) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 20s, [&] { return arrived_ >= times; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0, arrived_ = 0;
};

double fingerprint(const History& history) {
  std::uint64_t bits = history.events();
  for (const TrialId trial : history.finished())
    bits = derive_seed(bits, static_cast<std::uint64_t>(trial.value + 1000 * history[trial].objective));
  return static_cast<double>(bits >> 12);
}

/// Proposes {number, results known, fingerprint of the history}; ends after `count` results.
class Learner final : public search::Searcher {
 public:
  explicit Learner(Gate& gate, std::size_t count = 1000) : gate_(gate), count_(count) {}
  bool learns() const override { return true; }
  std::optional<double> promised() const override { return 0.5; }
  std::string exhausted_reason() const override { return "learnt enough"; }
  std::optional<Config> propose(const History& history, TrialId trial,
                                const std::vector<Config>& avoid) override {
    gate_.pass();
    if (history.finished().size() >= count_) return std::nullopt;
    std::set<double> numbers;
    for (const Config& config : avoid)
      EXPECT_TRUE(numbers.insert(config[0]).second) << "avoids a number twice";
    EXPECT_FALSE(numbers.contains(trial.value)) << "a number that lies ready or was taken";
    return Config{static_cast<double>(trial.value), static_cast<double>(history.finished().size()),
                  fingerprint(history)};
  }

 private:
  Gate& gate_;
  std::size_t count_;
};

/// Proposes {-1, 0}, {-2, 0}, ... that are not to be avoided.
class Filler final : public search::Searcher {
 public:
  std::optional<Config> propose(const History& history, TrialId, const std::vector<Config>& avoid) override {
    for (double x = -1; x > -4; --x) {
      const Config config{x, 0};
      const bool known = std::ranges::any_of(avoid, [&](const Config& other) { return other == config; });
      if (!known && !history.contains(config)) return config;
    }
    return Config{-1, 0};
  }
};

class FreshProposalsTest : public testing::Test {
 protected:
  ~FreshProposalsTest() override { gate.open(); }

  void build(int ahead, double time_limit = 1000, std::size_t count = 1000) {
    proposals =
        std::make_unique<FreshProposals>(std::make_unique<Learner>(gate, count), std::make_unique<Filler>(),
                                         FreshOptions{false, ahead, time_limit});
  }
  Proposal wait_for_proposal() {
    const Stopwatch watch;
    while (watch.seconds() < 20) {
      if (auto proposal = proposals->take()) return *proposal;
      std::this_thread::sleep_for(100us);
    }
    throw SystemFailure("no proposal came");
  }
  void observe(search::Event event) {
    proposals->observe(std::vector{event});
    ++events;
  }
  void create(const Config& config, search::Origin origin = search::Origin::Searcher) {
    observe(search::TrialCreated{TrialId{trials++}, origin, 0, 0, {}, 0, config});
  }
  void end(int trial) {
    search::TrialEnded end;
    end.trial = TrialId{trial};
    end.objective = trial % 7;
    observe(search::TrialStarted{TrialId{trial}, WorkerId{0}, 0, 0, 0, 0});
    observe(end);
  }

  Gate gate;
  std::unique_ptr<FreshProposals> proposals;
  int trials = 0;
  std::uint64_t events = 0;
};

TEST_F(FreshProposalsTest, KnowAResultThatCameBeforeTheyWereTaken) {
  gate.open();
  build(3);
  proposals->pace(1000);
  create(wait_for_proposal().config);

  end(0);
  const Proposal next = wait_for_proposal();

  EXPECT_EQ(next.config[0], 1);
  EXPECT_EQ(next.config[1], 1);
  EXPECT_EQ(next.events_seen, events);
  EXPECT_EQ(next.promised, 0.5);
}

TEST_F(FreshProposalsTest, AreHeldBackWhenOutdatedButNoLongerThanThePatience) {
  build(3);
  gate.open(3);
  create(wait_for_proposal().config);
  gate.wait_for(4);  // 1 and 2 lie ready
  proposals->pace(200);
  end(0);

  const Stopwatch watch;
  EXPECT_FALSE(proposals->take());
  const Proposal outdated = wait_for_proposal();

  EXPECT_GE(watch.seconds(), 0.45);
  EXPECT_EQ(outdated.config[0], 1);
  EXPECT_EQ(outdated.config[1], 0);
  EXPECT_TRUE(proposals->take()) << "another slot that became free then has waited as long";
}

TEST_F(FreshProposalsTest, AreOutdatedByTheUsersTrials) {
  gate.open();
  build(2);
  proposals->pace(1000);
  create(wait_for_proposal().config);

  create({77, 0, 0}, search::Origin::User);

  EXPECT_EQ(wait_for_proposal().events_seen, events);
}

TEST_F(FreshProposalsTest, AreNumberedWithoutGapsAndFollowFromNumberAndPrefixAlone) {
  gate.open();
  std::map<std::pair<double, std::uint64_t>, double> made;
  for (const auto pause : {0us, 200us, 2000us}) {
    trials = 0, events = 0;
    build(4);
    proposals->pace(0.02);
    for (int i = 0; i < 200; ++i) {
      const Proposal proposal = wait_for_proposal();
      EXPECT_EQ(proposal.config[0], i);
      const auto place =
          made.emplace(std::pair(proposal.config[0], proposal.events_seen), proposal.config[2]).first;
      EXPECT_EQ(place->second, proposal.config[2]);
      create(proposal.config);
      if (i >= 4) end(i - 4);
      if (i % 16 == 0) std::this_thread::sleep_for(pause);
    }
  }
}

TEST_F(FreshProposalsTest, GoOnWithTheNumberWhereAnEarlierJobStopped) {
  gate.open();
  std::vector<search::Event> earlier;
  for (int i = 0; i < 6; ++i)
    earlier.push_back(
        search::TrialCreated{TrialId{i}, search::Origin::Searcher, 0, 0, {}, 0, {static_cast<double>(i)}});
  proposals = std::make_unique<FreshProposals>(std::make_unique<Learner>(gate), std::make_unique<Filler>(),
                                               FreshOptions{}, earlier);

  const Proposal proposal = wait_for_proposal();

  EXPECT_EQ(proposal.config[0], 6);
  EXPECT_EQ(proposal.events_seen, 6u);
}

TEST_F(FreshProposalsTest, AreFilledInWhenOneTakesTooLong) {
  build(1, 0.01);
  gate.wait_for(1);

  std::set<Config> filled;
  for (int i = 0; i < 3; ++i) {
    const Proposal proposal = wait_for_proposal();
    EXPECT_TRUE(proposal.made.filled_in);
    EXPECT_EQ(proposal.made.number, i + 1);
    filled.insert(proposal.config);
    if (i < 2) create(proposal.config);  // the third is taken, but not logged yet
  }

  EXPECT_EQ(filled, (std::set<Config>{{-1, 0}, {-2, 0}, {-3, 0}}));
  EXPECT_FALSE(proposals->take()) << "the filler knows nothing new";
  EXPECT_NE(proposals->take_message().find("took longer than 10 ms"), std::string::npos);
  EXPECT_EQ(proposals->take_message(), "");
  gate.open();
  EXPECT_EQ(wait_for_proposal().config[0], 0) << "the late one is not lost";
  EXPECT_EQ(wait_for_proposal().config[0], 4) << "the numbers between are those of the filler";
}

TEST_F(FreshProposalsTest, SayWhatTheyHaveAvoidedAlthoughItWasMadeAnew) {
  build(3);
  gate.open(3);
  create(wait_for_proposal().config);
  gate.wait_for(4);  // 1 and 2 lie ready
  end(0);
  gate.open(2);  // 3, which was begun before, and 1 anew
  gate.wait_for(6);

  const Proposal anew = wait_for_proposal(), outdated = wait_for_proposal();

  EXPECT_EQ(anew.config[1], 1);
  EXPECT_EQ(outdated.config[1], 0);
  EXPECT_EQ(outdated.made.number, 2);
  ASSERT_EQ(outdated.made.avoided.size(), 2 - outdated.events_seen);
  EXPECT_EQ(outdated.made.avoided.back()[0], 1);
  EXPECT_NE(outdated.made.avoided.back(), anew.config);
}

TEST_F(FreshProposalsTest, AreNotFilledInWhileAnOutdatedOneLiesReady) {
  build(2, 0.01);
  gate.open(2);
  create(wait_for_proposal().config);
  gate.wait_for(3);
  end(0);

  EXPECT_EQ(wait_for_proposal().config[0], 1);
}

TEST_F(FreshProposalsTest, AreExhaustedOnlyWhenTheSearcherHasSeenAllResults) {
  build(1, 1000, 1);
  gate.open(1);
  create(wait_for_proposal().config);
  gate.wait_for(2);
  end(0);
  EXPECT_FALSE(proposals->exhausted());

  gate.open();

  for (int i = 0; i < 20000 && !proposals->exhausted(); ++i) std::this_thread::sleep_for(100us);
  EXPECT_TRUE(proposals->exhausted());
  EXPECT_EQ(proposals->exhausted_reason(), "learnt enough");
  EXPECT_FALSE(proposals->take());
}

}  // namespace
}  // namespace regatta::run
