#include "regatta/comm/local_group.hpp"

#include <cstring>
#include <numeric>
#include <thread>

#include "regatta/comm/lane_group.hpp"
#include "regatta/comm/node_memory.hpp"

namespace regatta::comm {
namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text(const Envelope& envelope) {
  return {reinterpret_cast<const char*>(envelope.payload.data()), envelope.payload.size()};
}

TEST(LocalGroup, DeliversMessagesOfOneSenderInOrder) {
  LocalGroup group(2);
  group.at(Rank{0}).post(Rank{1}, 5, bytes("first"));
  group.at(Rank{0}).post(Rank{1}, 6, bytes("second"));

  const auto first = group.at(Rank{1}).poll();
  const auto second = group.at(Rank{1}).poll();

  ASSERT_TRUE(first && second);
  EXPECT_EQ(text(*first), "first");
  EXPECT_EQ(first->tag, 5);
  EXPECT_EQ(first->source, Rank{0});
  EXPECT_EQ(text(*second), "second");
  EXPECT_FALSE(group.at(Rank{1}).poll());
}

TEST(LocalGroup, SumsOverAllRanksInTheOrderOfTheRanks) {
  constexpr int ranks = 3;
  LocalGroup group(ranks);
  std::vector<std::vector<float>> values(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      auto& comm = group.at(Rank{rank});
      for (int round = 0; round < 50; ++round) {
        values[rank] = {1e8f * static_cast<float>(rank), 1.0f};
        comm.begin_sum(values[rank])->wait();
      }
    });
  for (auto& thread : threads) thread.join();

  for (const auto& sum : values) EXPECT_EQ(sum, (std::vector<float>{3e8f, 3.0f}));
}

TEST(LocalGroup, KeepsTwoSumsInFlightApart) {
  LocalGroup group(2);
  std::vector<float> a0{1}, b0{10}, a1{2}, b1{20};
  auto sum_a0 = group.at(Rank{0}).begin_sum(a0);
  auto sum_b0 = group.at(Rank{0}).begin_sum(b0);
  EXPECT_FALSE(sum_a0->test());
  auto sum_a1 = group.at(Rank{1}).begin_sum(a1);
  auto sum_b1 = group.at(Rank{1}).begin_sum(b1);

  for (auto* sum : {&sum_b0, &sum_a0, &sum_b1, &sum_a1}) EXPECT_TRUE((*sum)->test());

  EXPECT_EQ(a0[0], 3);
  EXPECT_EQ(b0[0], 30);
  EXPECT_EQ(a1[0], 3);
  EXPECT_EQ(b1[0], 30);
}

TEST(JoinedCommunicator, ShowsTheLinkAsOneMoreRank) {
  LocalGroup world(2), link(2);
  JoinedCommunicator joined(world.at(Rank{0}), link.at(Rank{0}));
  EXPECT_EQ(joined.size(), 3);

  joined.post(Rank{2}, 1, bytes("thread"));
  joined.post(Rank{1}, 1, bytes("rank"));
  link.at(Rank{1}).post(Rank{0}, 2, bytes("answer"));

  EXPECT_EQ(text(*link.at(Rank{1}).poll()), "thread");
  EXPECT_EQ(text(*world.at(Rank{1}).poll()), "rank");
  const auto answer = joined.poll();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->source, Rank{2});
}

TEST(LaneGroup, LooksLikeMorePeersOfEachRank) {
  constexpr int lanes = 3;
  LocalGroup world(2);
  LaneGroup controller(world.at(Rank{0}), lanes), worker(world.at(Rank{1}), lanes);
  EXPECT_EQ(controller.at(0).rank(), Rank{0});
  EXPECT_EQ(worker.at(2).rank(), Rank{5});
  EXPECT_EQ(worker.at(2).size(), 6);

  controller.at(0).post(Rank{5}, 7, bytes("to lane 2"));
  controller.at(0).post(Rank{3}, 8, bytes("to lane 0"));
  worker.at(2).post(Rank{0}, 9, bytes("from lane 2"));
  worker.at(1).post(Rank{5}, 1023, bytes("from lane to lane"));

  EXPECT_FALSE(worker.at(1).poll()) << "one lane takes nothing from another";
  EXPECT_EQ(text(*worker.at(0).poll()), "to lane 0");
  const auto neighbours = worker.at(2).poll(), controllers = worker.at(2).poll(), answer = controller.at(0).poll();
  ASSERT_TRUE(neighbours && controllers && answer);
  EXPECT_EQ(text(*controllers), "to lane 2");
  EXPECT_EQ(controllers->tag, 7);
  EXPECT_EQ(controllers->source, Rank{0});
  EXPECT_EQ(text(*neighbours), "from lane to lane");
  EXPECT_EQ(neighbours->source, Rank{4});
  EXPECT_EQ(answer->source, Rank{5});
  EXPECT_EQ(answer->tag, 9);
}

/// A rank without work listens to the group itself.
TEST(LaneGroup, ReachesARankWithoutLanesByItsFirst) {
  LocalGroup world(2);
  LaneGroup controller(world.at(Rank{0}), 4);

  controller.at(0).post(Rank{4}, 4, bytes("over"));
  world.at(Rank{1}).post(Rank{0}, 5, bytes("answer"));

  EXPECT_EQ(world.at(Rank{1}).poll()->tag, 4);
  EXPECT_EQ(controller.at(0).poll()->source, Rank{4});
}

TEST(LaneGroup, ComposesWithAJoinedRank) {
  constexpr int lanes = 2;
  LocalGroup world(2), link(2);
  JoinedCommunicator joined(world.at(Rank{0}), link.at(Rank{0}));
  LaneGroup controller(joined, lanes), thread(link.at(Rank{1}), lanes);

  controller.at(0).post(Rank{5}, 1, bytes("thread"));
  thread.at(1).post(Rank{0}, 2, bytes("answer"));

  EXPECT_FALSE(thread.at(0).poll());
  EXPECT_EQ(text(*thread.at(1).poll()), "thread");
  EXPECT_EQ(controller.at(0).poll()->source, Rank{5});
}

TEST(PrivateMemory, GivesZeroedAlignedBlocks) {
  PrivateMemory memory;

  const auto block = memory.allocate(1000);
  const auto other = memory.allocate(10);

  EXPECT_EQ(block.size(), 1000u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % 64, 0u);
  EXPECT_TRUE(std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_NE(block.data(), other.data());
}

}  // namespace
}  // namespace regatta::comm
