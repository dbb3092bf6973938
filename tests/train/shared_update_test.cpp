#include "regatta/train/shared_update.hpp"

#include <algorithm>
#include <barrier>
#include <functional>
#include <thread>

#include "regatta/comm/local_group.hpp"

namespace regatta::train {
namespace {

TEST(Buckets, FollowGradientsAsTheyBecomeFinal) {
  const auto borders = [](std::size_t weights, std::size_t parameters) {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (const Share bucket : buckets_of(weights, parameters, 100)) pairs.emplace_back(bucket.first, bucket.end);
    return pairs;
  };
  EXPECT_THAT(borders(90, 100), testing::ElementsAre(testing::Pair(0, 100)));
  EXPECT_THAT(borders(190, 210), testing::ElementsAre(testing::Pair(0, 210)));
  EXPECT_THAT(borders(320, 330), testing::ElementsAre(testing::Pair(208, 320), testing::Pair(96, 208),
                                                      testing::Pair(0, 96), testing::Pair(320, 330)));
}

/// A rank of a group and of those within it; counts the sums that it begins there.
class Watched final : public comm::Communicator {
 public:
  explicit Watched(comm::Communicator& group) : group_(group) {}

  Rank rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }
  void post(Rank to, int tag, std::span<const std::byte> payload) override { group_.post(to, tag, payload); }
  std::optional<comm::Envelope> poll() override { return group_.poll(); }
  bool drained() override { return group_.drained(); }
  std::unique_ptr<comm::Pending> begin_sum(std::span<float> values) override {
    sizes.push_back(values.size());
    return group_.begin_sum(values);
  }
  void send(Rank to, std::span<const float> values) override { group_.send(to, values); }
  void receive(Rank from, std::span<float> values) override { group_.receive(from, values); }
  std::string node() const override { return group_.node(); }
  comm::Communicator& group_of(const std::vector<Rank>& ranks) override {
    within = std::make_unique<Watched>(group_.group_of(ranks));
    return *within;
  }

  std::vector<std::size_t> sizes;
  std::unique_ptr<Watched> within;

 private:
  comm::Communicator& group_;
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
      : shared(*backend, &team, 1400, 1460, bucket),
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
    ASSERT_TRUE(one.shared.active());
    one.fill();
    const std::vector<std::size_t>& sent = team.within->sizes;

    one.shared.ready(1200);
    EXPECT_THAT(sent, testing::ElementsAre(200));
    one.shared.ready(300);  // three more, and a fifth that waits for one that has arrived
    EXPECT_GE(sent.size(), 4u);
    one.shared.ready(0);
    one.shared.step(one.network, plain_descent(), 0.5, 1, 0);

    EXPECT_THAT(sent, testing::ElementsAre(200, 208, 192, 208, 192, 208, 192, 60));
    const std::vector<float> after = one.network.parameters().download();
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_NEAR(after[i], one.before[i] - 1.0f, 1e-6) << i;
  });
}

TEST(SharedUpdate, SendsABucketWhenAllOfItsNodeHaveItsGradients) {
  std::barrier late(4);
  on_nodes({"a", "a", "b", "b"}, [&late](Watched& team) {
    SharedStep one(team, 350);
    ASSERT_TRUE(one.shared.active());
    one.fill();
    const std::vector<std::size_t>& sent = team.within->sizes;
    const bool first = team.rank().value % 2 == 0;

    if (first) one.shared.ready(704);
    EXPECT_THAT(sent, testing::IsEmpty());
    late.arrive_and_wait();
    if (!first) one.shared.ready(704);
    late.arrive_and_wait();
    one.shared.ready(704);

    EXPECT_THAT(sent, testing::ElementsAre(first ? 352 : 344));
    one.shared.step(one.network, plain_descent(), 0.25, 1, 0);
    EXPECT_EQ(sent.size(), 3u);
    const std::vector<float> after = one.network.parameters().download();
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_NEAR(after[i], one.before[i] - 1.0f, 1e-6) << i;
  });
}

}  // namespace
}  // namespace regatta::train
