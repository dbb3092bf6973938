#include "regatta/train/shared_update.hpp"

#include <algorithm>
#include <barrier>
#include <functional>
#include <thread>

#include "regatta/comm/local_group.hpp"
#include "relayed_communicator.hpp"

namespace regatta::train {
namespace {

using Borders = std::vector<std::pair<std::size_t, std::size_t>>;

/// Of buckets of 100 numbers.
Borders borders(const std::vector<std::size_t>& layers, std::size_t weights, std::size_t parameters) {
  Borders pairs;
  for (const Share bucket : buckets_of(layers, weights, parameters, 100)) pairs.emplace_back(bucket.first, bucket.end);
  return pairs;
}

TEST(Buckets, FollowGradientsAsTheyBecomeFinal) {
  EXPECT_EQ(borders({0, 50}, 90, 100), (Borders{{0, 100}}));
  EXPECT_EQ(borders({0, 50}, 190, 210), (Borders{{0, 210}}));
  EXPECT_EQ(borders({0}, 320, 330), (Borders{{208, 320}, {96, 208}, {0, 96}, {320, 330}}));
  EXPECT_EQ(borders({0, 40, 40, 200, 290}, 320, 330), (Borders{{200, 320}, {40, 200}, {0, 40}, {320, 330}}));
  EXPECT_EQ(borders({0, 300}, 500, 500), (Borders{{396, 500}, {300, 396}, {192, 300}, {96, 192}, {0, 96}}));
}

/// A rank of a group and of those within it; counts the sums that it begins there.
class Watched final : public RelayedCommunicator {
 public:
  using RelayedCommunicator::RelayedCommunicator;

  std::unique_ptr<comm::Pending> begin_sum(std::span<float> values) override {
    sizes.push_back(values.size());
    return group_.begin_sum(values);
  }
  comm::Communicator& group_of(const std::vector<Rank>& ranks) override {
    within = std::make_unique<Watched>(group_.group_of(ranks));
    return *within;
  }

  std::vector<std::size_t> sizes;
  std::unique_ptr<Watched> within;
};

/// Runs `work` for each rank of a team on such nodes in a thread of its own.
void on_nodes(const std::vector<std::string>& nodes, const std::function<void(Watched& team)>& work) {
  comm::LocalGroup group(static_cast<int>(nodes.size()), nodes);
  std::vector<std::jthread> threads;
  for (std::int32_t rank = 0; rank < static_cast<std::int32_t>(nodes.size()); ++rank)
    threads.emplace_back([&, rank] {
      Watched team(group.at(Rank{rank}));
      work(team);
    });
}

struct SharedStep {
  explicit SharedStep(Watched& team, std::size_t bucket)
      : shared(*backend, &team, 1460, bucket),
        network(*backend, mlp({20, {30, 20}, 10}), 1, 7, {&team}, shared.arena()),
        before(network.parameters().download()) {}

  /// Slopes of 1 lead to parameters that are less by the ranks of the team.
  void fill() {
    const device::Buffer<float>& gradients = network.gradients();
    std::fill_n(network.gradients().data(), gradients.size(), 1.0f);
  }

  std::unique_ptr<device::Backend> backend = device::make_cpu_backend();
  SharedUpdate shared;
  Network network;
  std::vector<float> before;
};

OptimizerSpec plain_descent() {
  OptimizerSpec optimizer;
  optimizer.kind = device::OptimizerKind::Sgd;
  optimizer.momentum = 0;
  return optimizer;
}

TEST(SharedUpdate, SendsBucketsBetweenNodesWhileTheWayBackRuns) {
  on_nodes({"a", "b"}, [](Watched& team) {
    SharedStep one(team, 200);
    ASSERT_TRUE(one.shared.active(one.network));
    one.fill();
    const std::vector<std::size_t>& sent = team.within->sizes;

    one.shared.ready(1200);
    EXPECT_THAT(sent, testing::ElementsAre(200));
    one.shared.ready(300);  // three more, and a fifth that waits for one that has arrived
    EXPECT_GE(sent.size(), 4u);
    one.shared.ready(0);
    one.shared.step(one.network, plain_descent(), 0.5, 1, 0);

    EXPECT_THAT(sent, testing::ElementsAre(200, 200, 208, 192, 200, 208, 192, 60));
    const std::vector<float> after = one.network.parameters().download();
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_NEAR(after[i], one.before[i] - 1.0f, 1e-6) << i;
  });
}

TEST(SharedUpdate, SendsABucketWhenAllOfItsNodeHaveItsGradients) {
  std::barrier late(4);
  on_nodes({"a", "a", "b", "b"}, [&late](Watched& team) {
    SharedStep one(team, 350);
    ASSERT_TRUE(one.shared.active(one.network));
    one.fill();
    const std::vector<std::size_t>& sent = team.within->sizes;
    const bool first = team.rank().value % 2 == 0;

    if (first) one.shared.ready(600);
    EXPECT_THAT(sent, testing::IsEmpty());
    late.arrive_and_wait();
    if (!first) one.shared.ready(600);
    late.arrive_and_wait();
    one.shared.progress();

    EXPECT_THAT(sent, testing::ElementsAre(400));
    one.shared.step(one.network, plain_descent(), 0.25, 1, 0);
    EXPECT_EQ(sent.size(), 3u);
    const std::vector<float> after = one.network.parameters().download();
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_NEAR(after[i], one.before[i] - 1.0f, 1e-6) << i;
  });
}

}  // namespace
}  // namespace regatta::train
