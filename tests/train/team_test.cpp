#include <thread>

#include "far_backend.hpp"
#include "team_training.hpp"

// Teams whose ranks share updates in the memory of a node, and of several nodes.
namespace regatta::train {
namespace {

/// Each rank knows the sums of its slice only; the norm is that of all slices of all parts.
TEST(Team, ClipsAsOneRankWhereItSharesUpdates) {
  const Samples samples = clouds(101, 6, 3);
  for (const device::OptimizerKind kind : {device::OptimizerKind::Sgd, device::OptimizerKind::Adam}) {
    TrainingSpec spec = classifier(samples, {16, 13, 40}, 0.3f);
    spec.optimizer.kind = kind;
    spec.gradient_clip = 0.3;
    const TeamResult alone = train_as_team(1, samples, spec);
    for (const auto& [replicas, parts, divided] : {std::tuple{2, 1, Divided::ByWidth},
                                                   {4, 1, Divided::ByWidth},
                                                   {2, 2, Divided::ByWidth},
                                                   {4, 2, Divided::ByWidth},
                                                   {2, 2, Divided::ByDepth}}) {
      const auto train = [&] {
        return train_as_team(replicas, samples, spec, device::make_cpu_backend, parts, divided);
      };
      const TeamResult team = train();
      EXPECT_TRUE(team.in_memory);
      expect_equal(team, alone, 5e-5f);
      EXPECT_EQ(train().parameters, team.parameters);
    }
  }
}

struct Nodes {
  std::vector<std::string> of_ranks;
  int parts = 1;
  bool share = true;  ///< ranks share a node
};

/// Buckets of a few cache lines, of which ranks of small nodes have slices; a node of one rank among larger ones.
TEST(Team, OverSeveralNodesEqualsOneRank) {
  const Samples samples = clouds(101, 6, 3);  // batches of 32, 32, 32 and 5
  for (const double clip : {0.0, 0.3})
    for (const device::OptimizerKind kind : {device::OptimizerKind::Sgd, device::OptimizerKind::Adam}) {
      TrainingSpec spec = classifier(samples, {16, 13, 40}, 0.3f);
      spec.optimizer.kind = kind;
      spec.optimizer.weight_decay = 0.01;
      spec.gradient_clip = clip;
      const TeamResult alone = train_as_team(1, samples, spec);
      for (const auto& [nodes, parts, share] : {Nodes{{"a", "b"}, 1, false},
                                                {{"a", "b", "c"}, 2, false},
                                                {{"a", "a", "b", "b"}},
                                                {{"a", "b", "b", "a", "b"}, 2},
                                                {{"a", "b", "b", "b", "b", "b", "b"}}})
        for (const std::size_t bucket : {64, 1000, 1'000'000}) {
          spec.bucket = bucket;
          const auto train = [&, &of_ranks = nodes, divided = parts] {
            return train_as_team(static_cast<int>(of_ranks.size()), samples, spec, device::make_cpu_backend, divided,
                                 Divided::ByWidth, false, of_ranks);
          };
          const TeamResult team = train();
          EXPECT_TRUE(team.between_nodes);
          EXPECT_EQ(team.in_memory, share);
          expect_equal(team, alone, 5e-5f);
          EXPECT_EQ(train().saved, team.saved);
        }
    }
}

/// Batch normalization sums over all ranks in the middle of the way back, while buckets are in flight.
TEST(Team, OverSeveralNodesEqualsOneRankForNormalizedImages) {
  const Samples samples = clouds(101, 12, 3);
  TrainingSpec spec = image_classifier();
  const TeamResult alone = train_as_team(1, samples, spec);
  spec.bucket = 100;
  for (const std::vector<std::string>& nodes : {std::vector<std::string>{"a", "b"}, {"a", "a", "b", "a", "b", "b", "b"}})
    expect_equal(train_as_team(static_cast<int>(nodes.size()), samples, spec, device::make_cpu_backend, 1, Divided::ByWidth,
                               false, nodes),
                 alone, 5e-4f);
}

/// Counts ways back of layers in which its caller is let in, and those in which it is not.
struct ListeningBackend final : FarBackend {
  ListeningBackend() { readable = true; }
  void set_interlude(std::function<void()> interlude) override {
    open = static_cast<bool>(interlude);
    FarBackend::set_interlude(std::move(interlude));
  }
  void backward(const device::Dense& layer, const device::DenseGradient& gradient) override {
    ++(open ? with : without);
    FarBackend::backward(layer, gradient);
  }

  bool open = false;
  int with = 0, without = 0;
};

TEST(Team, MovesSumsAlongWithinLayersWhichOneRankHasNoneOf) {
  const Samples samples = clouds(64, 6, 3);
  comm::LocalGroup group(2, {"a", "b"});
  const auto train = [&](comm::Communicator* team) {
    const Dataset data = samples.dataset();
    ListeningBackend backend;
    const DeviceData placed(backend, data);
    const Part part(placed.train());
    Trainer trainer(backend, part, 3, classifier(samples, {16}), {team});
    epoch(trainer);
    EXPECT_EQ(team ? backend.with : backend.without, 4);  // two steps of two layers
    EXPECT_EQ(backend.with + backend.without, 4);
    EXPECT_FALSE(backend.open);
  };
  train(nullptr);
  std::thread other([&] { train(&group.at(Rank{1})); });
  train(&group.at(Rank{0}));
  other.join();
}

}  // namespace
}  // namespace regatta::train
