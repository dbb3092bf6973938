#include <cmath>

#include "regatta/device/devices.hpp"
#include "regatta/train/generate.hpp"
#include "regatta/train/lane_pack.hpp"
#include "regatta/train/trainer.hpp"
#include "samples.hpp"

// A whole training on a GPU against the same training on the host.
namespace regatta::train {
namespace {

struct Result {
  std::vector<double> losses;
  std::vector<float> outputs;
};

Result train_on(device::Backend& backend, const Samples& samples, const TrainingSpec& spec, bool in_lane = false) {
  const Dataset data = samples.dataset();
  const DeviceData placed(backend, data);
  const Part part(placed.train()), valid(placed.valid());
  LanePack pack(in_lane ? backend.make_lane_engine() : nullptr);
  Trainer trainer(backend, part, samples.classes, spec, {}, {&pack, {&valid}});
  EXPECT_EQ(trainer.lane_capacity() > 0, in_lane);
  Result result;
  while (trainer.epochs() < 5)
    if (const auto loss = trainer.advance()) result.losses.push_back(loss->mean);
  result.outputs = trainer.outputs(valid);
  return result;
}

void expect_same_training(const Samples& samples, const TrainingSpec& spec, bool in_lane = false) {
  if (device::cuda_devices().empty()) GTEST_SKIP() << device::cuda_status();
  const auto host = device::make_cpu_backend(), gpu = device::make_cuda_backend(0);

  const Result right = train_on(*host, samples, spec), got = train_on(*gpu, samples, spec, in_lane);

  for (std::size_t e = 0; e < right.losses.size(); ++e)
    EXPECT_NEAR(got.losses[e], right.losses[e], 1e-3 * right.losses[0]);
  for (std::size_t i = 0; i < right.outputs.size(); ++i)
    ASSERT_NEAR(got.outputs[i], right.outputs[i], 0.02f * (1 + std::fabs(right.outputs[i])));
}

TEST(CudaTraining, OfAClassifierWithDropoutAgreesWithTheHost) {
  const Samples samples = clouds(1000, 20, 5);
  TrainingSpec spec;
  spec.network = mlp({20, {64, 33}, 5, device::Activation::Gelu, 0.2f});
  spec.balanced = true;
  spec.seed = 4;
  expect_same_training(samples, spec);
  spec.gradient_clip = 0.5;
  expect_same_training(samples, spec, true);
}

TEST(CudaTraining, InTf32IsNearTheHostButNotTheSameAsInSinglePrecision) {
  if (device::cuda_devices().empty()) GTEST_SKIP() << device::cuda_status();
  const Samples samples = clouds(1000, 64, 5);
  TrainingSpec spec;
  spec.network = mlp({64, {128, 128}, 5});
  const auto gpu = device::make_cuda_backend(0);
  const Result exact = train_on(*gpu, samples, spec);
  spec.precision = device::Precision::Tf32;
  const Result rounded = train_on(*gpu, samples, spec);
  EXPECT_NE(rounded.outputs, exact.outputs);
  for (std::size_t e = 0; e < exact.losses.size(); ++e)
    EXPECT_NEAR(rounded.losses[e], exact.losses[e], 0.02 * exact.losses[0]);
}

/// NCCL gives no GPU to two ranks; with one it shows that its sums can be recorded.
TEST(CudaTraining, RepeatsSumsByNccl) {
  if (device::cuda_devices().empty()) GTEST_SKIP() << device::cuda_status();
  const auto gpu = device::make_cuda_backend(0);
  device::DeviceTeams& teams = *gpu->teams();
  EXPECT_EQ(teams.uuid(), device::cuda_devices()[0].uuid);
  if (const std::string absence = teams.absence(); !absence.empty()) {
    EXPECT_THAT(absence, testing::HasSubstr("NCCL cannot be loaded: "));
    return;
  }
  device::Buffer<float> numbers(*gpu, std::vector<float>{1, 2, 3});
  const auto team = teams.join(teams.make_meeting(), 0, 1);
  std::unique_ptr<device::Repetition> repetition;
  const device::MatrixView<float> all{numbers.data(), 1, 3};

  for (int time = 0; time < 5; ++time)
    gpu->repeat(repetition, [&] {
      team->sum(numbers.data(), 3);
      team->sum_slices(numbers.data(), 3);
      team->share_slices(numbers.data(), 3);
      gpu->forward(device::Sum{all, all, all});
    });

  EXPECT_EQ(numbers.download(), (std::vector<float>{32, 64, 96}));
}

TEST(CudaTraining, InALaneGoesOnBitByBit) {
  if (device::cuda_devices().empty()) GTEST_SKIP() << device::cuda_status();
  const auto gpu = device::make_cuda_backend(0);
  const Samples samples = clouds(500, 20, 5);
  const Dataset data = samples.dataset();
  const DeviceData placed(*gpu, data);
  const Part part(placed.train()), valid(placed.valid());
  TrainingSpec spec;
  spec.network = mlp({20, {32, 16}, 5, device::Activation::Relu, 0.2f});
  LanePack pack(gpu->make_lane_engine());
  const auto make = [&] { return Trainer(*gpu, part, samples.classes, spec, {}, {&pack, {&valid}}); };
  const auto train_to = [](Trainer& trainer, std::int32_t epoch) {
    while (trainer.epochs() < epoch) trainer.advance();
  };
  std::vector<float> right;
  ByteWriter saved;
  {
    Trainer whole = make();
    train_to(whole, 3);
    whole.save(saved);
    train_to(whole, 6);
    right = whole.outputs(valid);
  }
  const std::vector<std::byte> bytes = saved.take();
  ByteReader reader(bytes);
  Trainer second = make();
  second.load(reader);
  train_to(second, 6);
  EXPECT_EQ(second.outputs(valid), right);
}

TEST(CudaTraining, OfARecurrentNetworkForTokensAgreesWithTheHost) {
  const TableSet data = generate_recall(RecallOptions{300, 10, 3, 4, 1});
  const Samples samples{10, 3, 0, data.train, data.valid, data.test, data.tokens, data.labels_per_sample};
  TrainingSpec spec;
  spec.network = {{10}, {EmbeddingSpec{7, 5}}};
  spec.network.layers.push_back(RecurrentSpec{device::CellKind::Lstm, 16, true, device::Readout::All, 0.2f});
  spec.network.layers.push_back(RecurrentSpec{device::CellKind::Gru, 33, false, device::Readout::All});
  spec.network.layers.push_back(DenseSpec{3, device::Activation::Identity, 0, Init::Auto, true});
  expect_same_training(samples, spec);
}

TEST(CudaTraining, OfALinearRegressionAgreesWithTheHost) {
  const Samples samples = line(1000, 10, 2, 0.1);
  TrainingSpec spec;
  spec.network = mlp({10, {}, 2});
  spec.loss = device::LossKind::Squared;
  spec.optimizer = {device::OptimizerKind::Sgd, 0.9, true, 0.9, 0.999, 1e-8, 0.001, 0.001};
  spec.learning_rate.base = 0.01;
  expect_same_training(samples, spec);
}

}  // namespace
}  // namespace regatta::train
