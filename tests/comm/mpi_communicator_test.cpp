#include "regatta/comm/mpi_communicator.hpp"

#include <cstring>
#include <map>

#include "../src/comm/shared_node_memory.hpp"
#include "regatta/comm/team_memory.hpp"

namespace regatta::comm {
namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text(const Envelope& envelope) {
  return {reinterpret_cast<const char*>(envelope.payload.data()), envelope.payload.size()};
}

Envelope next(Communicator& comm) {
  while (true)
    if (auto envelope = comm.poll()) return *envelope;
}

/// The text that message number `i` of every sender carries.
std::string sample(int i) { return std::string(static_cast<std::size_t>(i * 13 % 5000), static_cast<char>('a' + i % 26)); }

void drain(Communicator& comm) {
  while (!comm.drained()) static_cast<void>(comm.poll());
}

TEST(MpiCommunicator, DeliversManyMessagesInOrderToEveryRank) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  constexpr int count = 300;
  for (int i = 0; i < count; ++i)
    for (int to = 0; to < comm.size(); ++to) comm.post(Rank{to}, i % 7, bytes(sample(i)));

  std::map<std::int32_t, int> received;
  for (int i = 0; i < count * comm.size(); ++i) {
    const Envelope envelope = next(comm);
    const int number = received[envelope.source.value]++;
    ASSERT_EQ(envelope.tag, number % 7);
    ASSERT_EQ(text(envelope), sample(number));
  }

  for (const auto& [rank, messages] : received) EXPECT_EQ(messages, count) << "from rank " << rank;
  drain(comm);
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_FALSE(comm.poll());
}

TEST(MpiCommunicator, CarriesEmptyAndLargeMessages) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  const Rank right{(comm.rank().value + 1) % comm.size()};
  const std::string large(3'000'000, 'x');
  comm.post(right, 1, {});
  comm.post(right, 2, bytes(large));

  EXPECT_TRUE(next(comm).payload.empty());
  EXPECT_EQ(text(next(comm)), large);
  drain(comm);
}

TEST(MpiCommunicator, CarriesNumbersBesideMessages) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  const int rank = comm.rank().value, last = comm.size() - 1;
  if (rank < last) comm.post(Rank{rank + 1}, 1, bytes("beside"));
  for (const std::size_t count : {std::size_t{3}, std::size_t{500'000}}) {
    std::vector<float> numbers(count, static_cast<float>(rank));
    if (rank > 0) comm.receive(Rank{rank - 1}, numbers);
    EXPECT_EQ(numbers.back(), 0.0f);
    if (rank < last) comm.send(Rank{rank + 1}, numbers);
  }
  if (rank > 0) {
    EXPECT_EQ(text(next(comm)), "beside");
  }
  drain(comm);
}

TEST(MpiCommunicator, SumsOverItsRanks) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  std::vector<float> values{1, static_cast<float>(comm.rank().value)};

  comm.begin_sum(values)->wait();

  EXPECT_EQ(values[0], static_cast<float>(comm.size()));
  EXPECT_EQ(values[1], static_cast<float>(comm.size() * (comm.size() - 1) / 2));
}

TEST(TeamMemory, ConnectsProcesses) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  TeamMemory memory(2000);
  for (float& number : memory.block()) number = static_cast<float>(comm.rank().value + 1);

  ASSERT_TRUE(memory.connect(comm));
  const auto [first, end] = TeamMemory::slice_of(memory.rank(), memory.size(), {0, memory.block().size()});
  memory.wait_for_all();
  memory.sum(first, end);
  memory.give(first, end);
  memory.wait_for_all();

  const float sum = static_cast<float>(comm.size() * (comm.size() + 1) / 2);
  for (const float number : memory.block()) ASSERT_EQ(number, sum);
}

TEST(TeamMemory, ConnectsTheProcessesOfANodeAndTheirGroupsSumBetweenNodes) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MpiCommunicator comm(MPI_COMM_WORLD, rank % 2 == 0 ? "even" : "odd");
  if (comm.size() != 4) GTEST_SKIP() << "is for 4 ranks";
  TeamMemory memory(3);
  ASSERT_TRUE(memory.connect(comm));
  EXPECT_EQ(memory.size(), 2);
  EXPECT_EQ(memory.rank(), rank / 2);
  const std::vector<Rank> across{memory.nodes()[0].at(static_cast<std::size_t>(rank / 2)),
                                 memory.nodes()[1].at(static_cast<std::size_t>(rank / 2))};

  Communicator& group = comm.group_of(across);

  EXPECT_EQ(&comm.group_of(across), &group);
  EXPECT_EQ(group.size(), 2);
  EXPECT_EQ(group.node(), comm.node());
  std::vector<float> one{static_cast<float>(rank)};
  group.begin_sum(one)->wait();
  EXPECT_EQ(one[0], rank < 2 ? 1.0f : 5.0f);
}

TEST(MpiCommunicator, FormsATeamWithoutTheOthers) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  if (comm.size() < 2) GTEST_SKIP() << "needs 2 ranks";
  if (comm.rank().value == 0) return;  // rank 0 takes no part
  std::vector<Rank> ranks;
  for (int rank = 1; rank < comm.size(); ++rank) ranks.push_back(Rank{rank});

  const auto team = comm.subgroup(ranks);
  std::vector<float> one{1};
  team->begin_sum(one)->wait();

  EXPECT_EQ(team->size(), comm.size() - 1);
  EXPECT_EQ(team->rank().value, comm.rank().value - 1);
  EXPECT_EQ(one[0], static_cast<float>(comm.size() - 1));
}

TEST(MpiCommunicator, GathersAndBroadcastsTexts) {
  MpiCommunicator comm(MPI_COMM_WORLD);
  const std::string mine = "rank " + std::to_string(comm.rank().value);

  const auto all = comm.all_gather(mine);
  const std::string told = comm.broadcast(comm.rank().value == 0 ? "hello" : "ignored and longer");

  ASSERT_EQ(all.size(), static_cast<std::size_t>(comm.size()));
  for (int rank = 0; rank < comm.size(); ++rank) EXPECT_EQ(all[rank], "rank " + std::to_string(rank));
  EXPECT_EQ(told, "hello");
}

TEST(SharedNodeMemory, ShowsTheLeadersWritesToTheWholeNode) {
  SharedNodeMemory memory(MPI_COMM_WORLD);
  for (const std::size_t size : {std::size_t{24}, std::size_t{1'000'000}}) {
    const auto block = memory.allocate(memory.leader() ? size : 0);
    ASSERT_EQ(block.size(), size);
    EXPECT_EQ(block[size - 1], std::byte{0});
    MPI_Barrier(MPI_COMM_WORLD);
    if (memory.leader()) std::memset(block.data(), 42, size);
    memory.publish();

    EXPECT_EQ(block[0], std::byte{42});
    EXPECT_EQ(block[size - 1], std::byte{42});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % 8, 0u);
  }
}

TEST(SharedNodeMemory, CopiesBlocksThatSharedMemoryCannotHold) {
  SharedNodeMemory memory(MPI_COMM_WORLD, [](std::size_t) { return false; });
  const auto block = memory.allocate(memory.leader() ? 100'000 : 0);
  if (memory.leader()) std::memset(block.data(), 7, block.size());

  memory.publish();

  ASSERT_EQ(block.size(), 100'000u);
  EXPECT_EQ(block[99'999], std::byte{7});
}

}  // namespace
}  // namespace regatta::comm
