#include "regatta/comm/team_memory.hpp"

#include <algorithm>
#include <functional>
#include <thread>

#include "regatta/comm/local_group.hpp"

namespace regatta::comm {
namespace {

/// Runs `work` for each rank of a group in a thread of its own.
void on_all_ranks(int ranks, const std::function<void(Communicator&)>& work, std::vector<std::string> nodes = {}) {
  LocalGroup group(ranks, std::move(nodes));
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back([&, rank] { work(group.at(Rank{rank})); });
}

class TeamMemoryOf : public testing::TestWithParam<int> {};

TEST_P(TeamMemoryOf, RanksSumTheirSlicesForAll) {
  for (const std::size_t count : {1u, 20u, 5000u})
    on_all_ranks(GetParam(), [&](Communicator& team) {
      TeamMemory memory(count);
      ASSERT_TRUE(memory.connect(team));
      std::vector<float> wanted(count, 0.0f);
      for (std::size_t i = 0; i < count; ++i)
        for (int rank = 0; rank < team.size(); ++rank) {
          const float part = 1.0f / static_cast<float>(i + 1 + static_cast<std::size_t>(rank));
          if (rank == team.rank().value) memory.block()[i] = part;
          wanted[i] += part;
        }
      const auto [first, end] = TeamMemory::slice_of(memory.rank(), memory.size(), {0, count});

      memory.wait_for_all();
      memory.sum(first, end);
      memory.give(first, end);
      memory.wait_for_all();

      EXPECT_TRUE(std::ranges::equal(memory.block(), wanted)) << count << " numbers";
    });
}

TEST_P(TeamMemoryOf, RanksTakeWhatAnotherHas) {
  on_all_ranks(GetParam(), [](Communicator& team) {
    TeamMemory memory(3);
    ASSERT_TRUE(memory.connect(team));
    memory.block()[2] = static_cast<float>(team.rank().value);
    memory.wait_for_all();
    const int last = team.size() - 1;

    if (team.rank().value == 0) memory.take(last, 1, 3);

    EXPECT_EQ(memory.block()[2], static_cast<float>(team.rank().value == 0 ? last : team.rank().value));
    memory.wait_for_all();
  });
}

TEST_P(TeamMemoryOf, RanksSumANumberEachAgainAndAgain) {
  on_all_ranks(GetParam(), [](Communicator& team) {
    TeamMemory memory(1);
    ASSERT_TRUE(memory.connect(team));
    int wrong = 0;
    for (int time = 0; time < 2000; ++time) {
      float wanted = 0;
      for (int rank = 0; rank < team.size(); ++rank) wanted += static_cast<float>(time + rank);
      if (memory.sum_of(static_cast<float>(time + team.rank().value)) != wanted) ++wrong;
    }
    EXPECT_EQ(wrong, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, TeamMemoryOf, testing::Values(1, 2, 3));

TEST(TeamMemory, ConnectsTheRanksOfEachNode) {
  const auto work = [](Communicator& team) {
    TeamMemory memory(1);
    memory.block()[0] = static_cast<float>(team.rank().value);

    ASSERT_TRUE(memory.connect(team));

    using testing::ElementsAre;
    EXPECT_THAT(memory.nodes(), ElementsAre(ElementsAre(Rank{0}, Rank{2}, Rank{3}), ElementsAre(Rank{1}, Rank{4})));
    const bool first = team.node() == "first";
    EXPECT_EQ(memory.size(), first ? 3 : 2);
    EXPECT_EQ(memory.rank(), (std::vector{0, 0, 1, 2, 1})[static_cast<std::size_t>(team.rank().value)]);
    memory.wait_for_all();
    if (memory.rank() == 1) memory.sum(0, 1);
    memory.wait_for_all();
    if (memory.rank() == 1) {
      EXPECT_EQ(memory.block()[0], 5.0f);
    }
  };
  on_all_ranks(5, work, {"first", "second", "first", "first", "second"});
}

TEST(TeamMemory, TellsWhoHasArrived) {
  TeamMemory memory(1);
  LocalGroup alone(1);
  ASSERT_TRUE(memory.connect(alone.at(Rank{0})));
  EXPECT_FALSE(memory.all_arrived(1));
  EXPECT_EQ(memory.arrive(), 1u);
  EXPECT_TRUE(memory.all_arrived(1));
  EXPECT_FALSE(memory.all_arrived(2));
}

TEST(TeamMemory, ConnectsAllRanksOrNone) {
  on_all_ranks(3, [](Communicator& team) {
    TeamMemory memory(team.rank().value == 1 ? 0 : 100);
    EXPECT_FALSE(memory.connect(team));
    EXPECT_EQ(memory.size(), 0);
    for (float& number : memory.block()) number = 1;  // still this rank's own
  });
  on_all_ranks(2, [](Communicator& team) {
    TeamMemory memory(team.rank().value == 1 ? 100 : 200);
    EXPECT_FALSE(memory.connect(team)) << "blocks of different sizes";
  });
}

TEST(TeamMemory, IsAlignedAndZeroAndLivesOnWhereItIsMovedTo) {
  TeamMemory memory(10), other;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.block().data()) % 64, 0u);
  EXPECT_TRUE(std::ranges::all_of(memory.block(), [](float number) { return number == 0; }));

  other = std::move(memory);

  other.block()[9] = 1;
  EXPECT_EQ(other.block().size(), 10u);
}

TEST(TeamMemory, HasNoBlockThatTheMachineCannotHold) {
  EXPECT_TRUE(TeamMemory(std::size_t{1} << 50).block().empty());
}

}  // namespace
}  // namespace regatta::comm
