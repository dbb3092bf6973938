#include "regatta/train/gradient_reducer.hpp"

#include <algorithm>
#include <numeric>

namespace regatta::train {
namespace {

/// A rank of a team of two whose partner always has the same numbers; notes which sums were started and how
/// many were in flight at once.
class Mirror final : public comm::Communicator {
 public:
  Rank rank() const override { return Rank{0}; }
  int size() const override { return 2; }
  void post(Rank, int, std::span<const std::byte>) override {}
  std::optional<comm::Envelope> poll() override { return std::nullopt; }
  bool drained() override { return true; }
  std::unique_ptr<comm::Pending> begin_sum(std::span<float> values) override {
    sizes.push_back(values.size());
    most_in_flight = std::max(most_in_flight, ++in_flight);
    return std::make_unique<Sum>(*this, values);
  }
  void send(Rank, std::span<const float>) override {}
  void receive(Rank, std::span<float>) override {}

  std::vector<std::size_t> sizes;
  int in_flight = 0, most_in_flight = 0, tests = 0;

 private:
  struct Sum final : comm::Pending {
    Sum(Mirror& owner, std::span<float> numbers) : mirror(owner), values(numbers) {}
    bool test() override {
      ++mirror.tests;
      return done;
    }
    void wait() override {
      if (done) return;
      for (float& value : values) value *= 2;
      --mirror.in_flight;
      done = true;
    }
    Mirror& mirror;
    std::span<float> values;
    bool done = false;
  };
};

struct Step : testing::Test {
  std::unique_ptr<device::Backend> backend = device::make_cpu_backend();
  Mirror team;
  std::vector<float> gradients = std::vector<float>(100), doubled = gradients;
  Step() {
    std::iota(gradients.begin(), gradients.end(), 1.0f);
    for (std::size_t i = 0; i < 100; ++i) doubled[i] = 2 * gradients[i];
  }
};

TEST_F(Step, SendsASmallNetworkAsOneBucket) {
  GradientReducer reducer(*backend, &team, 90, 100, 1000);

  for (const std::size_t first : {70, 40, 0}) reducer.ready(gradients.data(), first);
  reducer.finish(gradients.data());

  EXPECT_THAT(team.sizes, testing::ElementsAre(100));
  EXPECT_EQ(gradients, doubled);
}

TEST_F(Step, StartsABucketAsSoonAsItIsFull) {
  GradientReducer reducer(*backend, &team, 90, 100, 30);

  reducer.ready(gradients.data(), 70);
  EXPECT_TRUE(team.sizes.empty());
  reducer.ready(gradients.data(), 50);
  EXPECT_THAT(team.sizes, testing::ElementsAre(40));
  reducer.ready(gradients.data(), 0);
  reducer.finish(gradients.data());

  EXPECT_THAT(team.sizes, testing::ElementsAre(40, 50, 10));
  EXPECT_EQ(gradients, doubled);
}

TEST_F(Step, KeepsFewSumsInFlight) {
  GradientReducer reducer(*backend, &team, 90, 100, 1);

  for (std::size_t first = 89; first > 0; --first) reducer.ready(gradients.data(), first);
  reducer.ready(gradients.data(), 0);
  reducer.finish(gradients.data());

  EXPECT_LE(team.most_in_flight, 4);
  EXPECT_EQ(team.in_flight, 0);
  EXPECT_EQ(gradients, doubled);
}

TEST_F(Step, MovesSumsAlongWithinALayer) {
  GradientReducer reducer(*backend, &team, 90, 100, 30);
  reducer.progress();
  reducer.ready(gradients.data(), 50);
  EXPECT_EQ(team.tests, 0);

  reducer.progress();

  EXPECT_EQ(team.tests, 1);
  reducer.ready(gradients.data(), 0);
  reducer.finish(gradients.data());
}

TEST_F(Step, CanBeFollowedByAnother) {
  GradientReducer reducer(*backend, &team, 90, 100, 1000);
  for (int step = 0; step < 2; ++step) {
    reducer.ready(gradients.data(), 0);
    reducer.finish(gradients.data());
  }
  EXPECT_EQ(gradients[0], 4);
}

TEST_F(Step, DoesNothingAlone) {
  GradientReducer reducer(*backend, nullptr, 90, 100);
  reducer.ready(gradients.data(), 0);
  reducer.finish(gradients.data());
  EXPECT_EQ(gradients[0], 1);
  EXPECT_EQ(reducer.wait_seconds(), 0);
}

}  // namespace
}  // namespace regatta::train
