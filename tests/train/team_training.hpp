#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "regatta/comm/local_group.hpp"
#include "regatta/core/bytes.hpp"
#include "regatta/train/generate.hpp"
#include "regatta/train/trainer.hpp"
#include "relayed_communicator.hpp"
#include "samples.hpp"

// Trainings of several ranks, each a thread.
namespace regatta::train {

using MakeBackend = std::unique_ptr<device::Backend> (*)();

/// Data on a backend of the thread that makes it.
struct Bench {
  explicit Bench(const Samples& samples, MakeBackend make = device::make_cpu_backend)
      : backend(make()), data(samples.dataset()), placed(*backend, data) {}

  std::unique_ptr<device::Backend> backend;
  Dataset data;
  DeviceData placed;
  Part train{placed.train()}, valid{placed.valid()};
};

inline EpochLoss epoch(Trainer& trainer) {
  for (;;)
    if (const auto loss = trainer.advance()) return *loss;
}

/// Sequences of tokens with a label for most steps.
inline Samples recalled() {
  const TableSet data = generate_recall(RecallOptions{120, 9, 3, 4, 1});
  return {9, 3, 0, data.train, data.valid, data.test, data.tokens, data.labels_per_sample};
}

inline TrainingSpec recaller() {
  TrainingSpec spec;
  spec.network = {{9}, {EmbeddingSpec{7, 5}}};
  spec.network.layers.push_back(RecurrentSpec{device::CellKind::Gru, 6, true, device::Readout::All, 0.2f});
  spec.network.layers.push_back(RecurrentSpec{device::CellKind::Lstm, 8, false, device::Readout::All, 0.2f});
  spec.network.layers.push_back(DenseSpec{3, device::Activation::Identity, 0, Init::Auto, true});
  spec.balanced = true;
  spec.batch = 16;
  spec.learning_rate.base = 0.01;
  return spec;
}

/// Taken by the one thread that works, where others may not work at the same time.
inline std::mutex turns;

/// A rank of a group that lets others take their turns while it waits.
class TurnTaker final : public RelayedCommunicator {
 public:
  using RelayedCommunicator::RelayedCommunicator;

  std::unique_ptr<comm::Pending> begin_sum(std::span<float> values) override {
    return std::make_unique<Sum>(group_.begin_sum(values));
  }
  void receive(Rank from, std::span<float> values) override {
    turns.unlock();
    group_.receive(from, values);
    turns.lock();
  }

 private:
  struct Sum final : comm::Pending {
    explicit Sum(std::unique_ptr<comm::Pending> sum) : inner(std::move(sum)) {}
    bool test() override { return inner->test(); }
    void wait() override {
      turns.unlock();
      inner->wait();
      turns.lock();
    }
    std::unique_ptr<comm::Pending> inner;
  };
};

/// What a team makes of a training: losses of the epochs, outputs, and the whole network as it is saved.
struct TeamResult {
  std::vector<double> losses;
  std::vector<float> outputs, parameters;
  SumPath path = SumPath::Auto;
  bool in_memory = false, between_nodes = false;
  std::vector<std::byte> saved;
};

/// The parameters of a whole network.
inline std::vector<float> parameters_of(const Trainer& trainer) {
  ByteWriter writer;
  trainer.network().save(writer);
  const auto bytes = writer.take();
  ByteReader reader(bytes);
  const auto count = reader.take<std::uint64_t>();
  reader.take<std::uint64_t>();
  return reader.take_all<std::vector<float>>(count);
}

enum class Divided { ByWidth, ByDepth };

inline Team team_of(comm::Communicator* replicas, comm::Communicator& model, Divided divided) {
  return divided == Divided::ByWidth ? Team{replicas, &model} : Team{replicas, nullptr, &model};
}

/// `replicas` networks, each divided among `parts` ranks.
/// @param in_turns  for backends of which no two may work at the same time
/// @param nodes     of the replicas; empty: all are on this computer
inline TeamResult train_as_team(int replicas, const Samples& samples, const TrainingSpec& spec,
                                MakeBackend make = device::make_cpu_backend, int parts = 1,
                                Divided divided = Divided::ByWidth, bool in_turns = false,
                                const std::vector<std::string>& nodes = {}) {
  std::deque<comm::LocalGroup> rows, columns;
  for (int part = 0; part < parts; ++part) rows.emplace_back(replicas, nodes);
  for (int replica = 0; replica < replicas; ++replica) columns.emplace_back(parts);
  const int ranks = replicas * parts;
  std::vector<TeamResult> results(static_cast<std::size_t>(ranks));
  const auto work = [&](int rank) {
    const int replica = rank / parts, part = rank % parts;
    comm::Communicator& row = rows[static_cast<std::size_t>(part)].at(Rank{replica});
    comm::Communicator& column = columns[static_cast<std::size_t>(replica)].at(Rank{part});
    TurnTaker row_in_turns(row), column_in_turns(column);
    const std::unique_lock turn = in_turns ? std::unique_lock(turns) : std::unique_lock<std::mutex>();
    Bench bench(samples, make);
    Trainer trainer(
        *bench.backend, bench.train, samples.classes, spec,
        in_turns ? team_of(&row_in_turns, column_in_turns, divided) : team_of(&row, column, divided));
    TeamResult& result = results[static_cast<std::size_t>(rank)];
    for (int e = 0; e < 4; ++e) result.losses.push_back(epoch(trainer).mean);
    result.outputs = trainer.outputs(bench.valid);
    result.parameters = parameters_of(trainer);
    result.path = trainer.sum_path();
    result.in_memory = trainer.sums_in_memory();
    result.between_nodes = trainer.sums_between_nodes();
    ByteWriter writer;
    trainer.save(writer);
    result.saved = writer.take();
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back(work, rank);
  for (auto& thread : threads) thread.join();
  for (const TeamResult& result : results) {
    EXPECT_EQ(result.parameters, results[0].parameters);
    EXPECT_EQ(result.outputs, results[0].outputs);
    EXPECT_EQ(result.losses, results[0].losses);
    EXPECT_EQ(result.path, results[0].path);
    EXPECT_EQ(result.saved, results[0].saved);
  }
  return results[0];
}

inline TrainingSpec classifier(const Samples& samples, std::vector<std::size_t> hidden, float dropout = 0) {
  TrainingSpec spec;
  spec.network = mlp({samples.features, std::move(hidden), samples.classes, device::Activation::Relu, dropout});
  spec.learning_rate.base = 0.01;
  spec.batch = 32;
  spec.seed = 5;
  return spec;
}

/// Residual blocks with batch normalization over images of 2 x 3 x 2 numbers.
inline TrainingSpec image_classifier(bool batch_norm = true) {
  TrainingSpec spec;
  CnnSpec network;
  network.input = {2, 3, 2};
  network.channels = 4;
  network.residual = true;
  network.batch_norm = batch_norm;
  network.head = {12, {6}, 3, device::Activation::Tanh, 0.2f};
  spec.network = cnn(network);
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.learning_rate.base = 0.05;
  spec.batch = 32;
  spec.label_smoothing = 0.1;
  spec.gradient_clip = 0.5;
  spec.random_crop = 1;
  spec.random_flip = true;
  spec.seed = 5;
  return spec;
}

inline void expect_equal(const TeamResult& team, const TeamResult& alone, float tolerance) {
  for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], tolerance);
  EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(tolerance), alone.parameters));
  EXPECT_THAT(team.outputs, testing::Pointwise(testing::FloatNear(10 * tolerance), alone.outputs));
}

}  // namespace regatta::train
