#include "device/cuda_tested_backend.hpp"
#include "far_backend.hpp"
#include "regatta/train/generate.hpp"
#include "regatta/train/trainer.hpp"
#include "samples.hpp"

// Steps that the CUDA backend records and replays, against the same ones launched one by one: on a GPU, or
// played by the host.
namespace regatta::train {
namespace {

struct Outcome {
  std::vector<double> losses;
  std::vector<float> parameters, outputs;
};

Outcome outcome_on(device::Backend& backend, const Samples& samples, const TrainingSpec& spec) {
  const Dataset data = samples.dataset();
  const DeviceData placed(backend, data);
  const Part train(placed.train()), valid(placed.valid());
  Trainer trainer(backend, train, samples.classes, spec);
  Outcome result;
  while (trainer.epochs() < 3)
    if (const auto loss = trainer.advance()) result.losses.push_back(loss->mean);
  result.parameters = trainer.network().parameters().download();
  result.outputs = trainer.outputs(valid);
  return result;
}

void expect_same_bits(const Samples& samples, const TrainingSpec& spec) {
  auto recording = device::make_tested_backend();
  if (!recording) GTEST_SKIP() << device::tested_backend_absence();
  const int before = device::tested_graph_launches().value_or(0);

  const Outcome recorded = outcome_on(*recording, samples, spec);

  const auto launches = device::tested_graph_launches();
  FarBackend plain(std::move(recording));
  const Outcome right = outcome_on(plain, samples, spec);
  EXPECT_EQ(recorded.losses, right.losses);
  EXPECT_EQ(recorded.parameters, right.parameters);
  EXPECT_EQ(recorded.outputs, right.outputs);
  // All but the first whole batch and the first short one.
  if (launches) {
    EXPECT_EQ(static_cast<std::size_t>(*launches - before), plain.repeated - 2);
  }
}

TEST(RepeatedSteps, GiveTheSameBitsForAClassifier) {
  const Samples samples = clouds(70, 6, 3);
  TrainingSpec spec;
  spec.network = mlp({6, {9, 8}, 3, device::Activation::Gelu, 0.2f});
  spec.optimizer.kind = device::OptimizerKind::AdamW;
  spec.optimizer.weight_decay = 0.01;
  spec.gradient_clip = 0.5;
  spec.balanced = true;
  spec.batch = 16;
  spec.seed = 3;
  expect_same_bits(samples, spec);
}

TEST(RepeatedSteps, GiveTheSameBitsForSequencesOfManyLengths) {
  const TableSet data = generate_recall(RecallOptions{60, 4, 3, 4, 1});
  const Samples samples{4, 3, 0, data.train, data.valid, data.test, data.tokens, data.labels_per_sample};
  TrainingSpec spec;
  spec.network = {{4}, {EmbeddingSpec{7, 4}}};
  spec.network.layers.push_back(RecurrentSpec{device::CellKind::Lstm, 5, true, device::Readout::All, 0.2f});
  spec.network.layers.push_back(RecurrentSpec{device::CellKind::Gru, 4, false, device::Readout::All});
  spec.network.layers.push_back(DenseSpec{3, device::Activation::Identity, 0, Init::Auto, true});
  spec.batch = 16;
  expect_same_bits(samples, spec);
}

TEST(RepeatedSteps, GiveTheSameBitsForChangedImages) {
  const Samples samples = clouds(20, 16, 3);
  TrainingSpec spec;
  spec.network = {{4, 4, 1}, {ConvolutionSpec{4}}};
  spec.network.layers.push_back(BatchNormSpec{device::Activation::Relu});
  spec.network.layers.push_back(ResidualSpec{{ConvolutionSpec{.filters = 4, .trains_biases = false}, BatchNormSpec{}}, {}});
  spec.network.layers.push_back(PoolSpec{});
  spec.network.layers.push_back(DenseSpec{3});
  spec.random_crop = 1;
  spec.random_flip = true;
  spec.batch = 8;
  expect_same_bits(samples, spec);
}

}  // namespace
}  // namespace regatta::train
