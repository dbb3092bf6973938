#include "regatta/run/proposals.hpp"

#include <chrono>
#include <thread>

#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

using search::Config;
using search::History;

/// Proposes the number of the proposal, `count` times; writes down what it was given.
class CountingSearcher final : public search::Searcher {
 public:
  explicit CountingSearcher(int count) : count_(count) {}
  std::optional<Config> propose(const History& history, TrialId trial, const std::vector<Config>& avoid) override {
    if (trial.value >= count_) return std::nullopt;
    if (trial.value == 3 && count_ == 4) throw SystemFailure("no more ideas");
    known = history.trials().size() + avoid.size();
    return Config{static_cast<double>(trial.value)};
  }
  std::size_t known = 0;

 private:
  int count_;
};

search::Event created(int trial, const Config& config, search::Origin origin = search::Origin::Searcher) {
  return search::TrialCreated{TrialId{trial}, origin, 0, 0, {}, 0, config};
}

std::optional<Proposal> wait_for(ProposalSource& source) {
  for (int i = 0; i < 20000 && !source.exhausted(); ++i) {
    if (auto proposal = source.take()) return proposal;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return std::nullopt;
}

TEST(DirectProposals, KnowEveryEventAtTheMomentOfNeed) {
  DirectProposals proposals(std::make_unique<CountingSearcher>(2), false);

  const auto first = proposals.take();
  const std::vector<search::Event> events{created(0, first->config), created(1, {9}, search::Origin::User)};
  proposals.observe(events);
  const auto second = proposals.take();
  proposals.observe(std::vector{created(2, second->config)});

  EXPECT_EQ(first->config, Config{0});
  EXPECT_EQ(first->events_seen, 0u);
  EXPECT_EQ(second->config, Config{1});
  EXPECT_EQ(second->events_seen, 2u);
  EXPECT_FALSE(proposals.take());
  EXPECT_TRUE(proposals.exhausted());
}

TEST(Proposer, MakesProposalsAheadInOrderAndEnds) {
  Proposer proposals(std::make_unique<CountingSearcher>(20), false, 5);
  for (int i = 0; i < 20; ++i) {
    const auto proposal = wait_for(proposals);
    ASSERT_TRUE(proposal) << i;
    EXPECT_EQ(proposal->config, Config{static_cast<double>(i)});
    proposals.observe(std::vector{created(i, proposal->config)});
  }

  EXPECT_FALSE(wait_for(proposals));
  EXPECT_TRUE(proposals.exhausted());
}

TEST(Proposer, GoesOnWhereAnEarlierJobStopped) {
  std::vector<search::Event> events;
  for (int i = 0; i < 6; ++i) events.push_back(created(i, {static_cast<double>(i)}));
  Proposer proposals(std::make_unique<CountingSearcher>(20), false, 2, events);

  EXPECT_EQ(wait_for(proposals)->config, Config{6});
}

TEST(Proposer, HandsTheSearchersErrorToTheController) {
  Proposer proposals(std::make_unique<CountingSearcher>(4), false, 8);

  EXPECT_THROW(
      {
        for (int i = 0; i < 20000; ++i) {
          static_cast<void>(proposals.take());
          std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
      },
      SystemFailure);
}

}  // namespace
}  // namespace regatta::run
