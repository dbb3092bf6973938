#include "regatta/comm/mpi_communicator.hpp"
#include "team_training.hpp"

// Teams of processes on two nodes, which this computer plays.
namespace regatta::train {
namespace {

/// The whole network after two epochs.
TeamResult train(const Samples& samples, const TrainingSpec& spec, comm::Communicator* team) {
  Bench bench(samples);
  Trainer trainer(*bench.backend, bench.train, samples.classes, spec, {team});
  TeamResult result;
  for (int e = 0; e < 2; ++e) result.losses.push_back(epoch(trainer).mean);
  result.parameters = parameters_of(trainer);
  result.between_nodes = trainer.sums_between_nodes();
  ByteWriter writer;
  trainer.save(writer);
  result.saved = writer.take();
  return result;
}

/// Images with batch normalization, which sums over the team while buckets are in flight.
TrainingSpec convolutions() {
  CnnSpec network;
  network.input = {4, 6, 2};
  network.channels = 8;
  network.head = {48, {40}, 3, device::Activation::Tanh, 0.2f};
  TrainingSpec spec;
  spec.network = cnn(network);
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.learning_rate.base = 0.02;
  spec.batch = 32;
  return spec;
}

TEST(MpiTeam, OverTwoNodesEqualsOneRank) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  comm::MpiCommunicator team(MPI_COMM_WORLD, rank % 3 == 0 ? "a" : "b");
  const Samples samples = clouds(101, 48, 3);
  TrainingSpec dense;
  dense.network = mlp({48, {64, 33}, 3, device::Activation::Relu, 0.2f});
  dense.optimizer.kind = device::OptimizerKind::Sgd;
  dense.batch = 32;
  for (TrainingSpec spec : {dense, convolutions()})
    for (const double clip : {0.0, 0.3})
      for (const std::size_t bucket : {100, 100'000}) {
        spec.gradient_clip = clip;
        spec.bucket = bucket;
        const TeamResult alone = train(samples, spec, nullptr);

        const TeamResult together = train(samples, spec, &team);

        EXPECT_TRUE(together.between_nodes);
        for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(together.losses[e], alone.losses[e], 1e-4);
        EXPECT_THAT(together.parameters, testing::Pointwise(testing::FloatNear(1e-4f), alone.parameters));
        EXPECT_EQ(together.saved, train(samples, spec, &team).saved);
      }
}

}  // namespace
}  // namespace regatta::train
