#include "device/cuda_tested_backend.hpp"
#include "team_training.hpp"

// Teams whose ranks compute on the CUDA backend: all on one GPU, or played by the host.
namespace regatta::train {
namespace {

class CudaTeam : public testing::Test {
 protected:
  void SetUp() override {
    if (!device::make_tested_backend()) GTEST_SKIP() << device::tested_backend_absence();
  }

  static TeamResult train(int replicas, int parts, const Samples& samples, const TrainingSpec& spec) {
    return train_as_team(replicas, samples, spec, device::make_tested_backend, parts, Divided::ByWidth, true);
  }

  static void expect_equal(const TeamResult& team, const TeamResult& alone) {
    for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], 1e-4);
    EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(1e-3f), alone.parameters));
    EXPECT_THAT(team.outputs, testing::Pointwise(testing::FloatNear(1e-3f), alone.outputs));
  }
};

/// Ranks that share a GPU cannot do without their host.
TEST_F(CudaTeam, OnOneDeviceSumsByWayOfTheHost) {
  const Samples samples = clouds(45, 6, 3);
  TrainingSpec spec;
  spec.network = mlp({6, {9}, 3, device::Activation::Relu, 0.2f});
  spec.batch = 16;

  const TeamResult team = train(2, 1, samples, spec);

  EXPECT_EQ(team.path, SumPath::Staged);
  expect_equal(team, train_as_team(1, samples, spec));
}

TEST_F(CudaTeam, DividesDenseAndRecurrentLayers) {
  const TableSet data = generate_recall(RecallOptions{24, 4, 3, 4, 1});
  const Samples samples{4, 3, 0, data.train, data.valid, data.test, data.tokens, data.labels_per_sample};
  TrainingSpec spec = recaller();
  spec.network.input = {4};
  spec.gradient_clip = 0.5;

  expect_equal(train(1, 2, samples, spec), train_as_team(1, samples, spec));
}

}  // namespace
}  // namespace regatta::train
