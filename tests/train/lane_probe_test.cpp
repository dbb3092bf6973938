#include "regatta/train/lane_probe.hpp"

#include <cmath>

#include "device/cuda_tested_backend.hpp"
#include "far_backend.hpp"
#include "regatta/device/devices.hpp"
#include "team_training.hpp"

namespace regatta::train {
namespace {

DatasetInfo flowers(std::size_t classes) {
  DatasetInfo info;
  info.features = 4;
  info.classes = classes;
  info.outputs = classes > 0 ? 0 : 2;
  info.train_rows = 150;
  info.shape = {4};
  return info;
}

/// Of different widths, depths and batches.
std::vector<TrainingSpec> small_networks(const DatasetInfo& data, std::size_t count) {
  std::vector<TrainingSpec> networks(count);
  for (std::size_t i = 0; i < count; ++i) {
    networks[i].network =
        mlp({4, std::vector<std::size_t>(1 + i % 2, 3 + i % 5), data.classes + data.outputs});
    networks[i].loss = data.classes > 0 ? device::LossKind::CrossEntropy : device::LossKind::Squared;
    networks[i].optimizer.kind = device::OptimizerKind::Adam;
    networks[i].batch = i % 3 == 0 ? 16 : 400;
  }
  return networks;
}

TEST(LaneProbe, TimesNetworksAloneAndInLanesOnEveryBackend) {
  for (const auto& backend : {device::make_cpu_backend(), device::make_tested_backend(),
                              std::unique_ptr<device::Backend>(std::make_unique<FarBackend>())})
    for (const std::size_t classes : {0, 3}) {
      if (!backend) continue;
      SCOPED_TRACE(backend->name() + (classes > 0 ? ", classes" : ", numbers"));
      LaneProbe probe(*backend, flowers(classes), small_networks(flowers(classes), 8));
      for (const std::size_t lanes : {1, 8, 4, 1, 3}) {
        const double rate = probe.steps_per_second(lanes, 1e-4);
        EXPECT_TRUE(std::isfinite(rate) && rate > 0) << lanes << " lanes: " << rate;
      }
    }
}

TEST(LaneProbe, SaysWhereNetworksDoNotFit) {
  FarBackend backend;
  LaneProbe probe(backend, flowers(3), small_networks(flowers(3), 2));
  backend.most = 10;

  EXPECT_THROW(probe.steps_per_second(1, 0), device::OutOfDeviceMemory);
  EXPECT_THROW(probe.steps_per_second(2, 0), device::OutOfDeviceMemory);
}

/// Few more than it really takes, so that memory is neither overrun nor left.
TEST(TrainingNumbers, AreThoseOfATrainer) {
  const Samples samples = clouds(600, 20, 3);
  const Dataset data = samples.dataset();
  for (const std::size_t batch : {32, 600})
    for (const std::vector<std::size_t>& hidden : {std::vector<std::size_t>{}, {8}, {300, 200, 100}}) {
      FarBackend backend;
      const DeviceData placed(backend, data);
      const Part part(placed.train());
      TrainingSpec spec;
      spec.network = mlp({20, hidden, 3});
      spec.batch = batch;
      const std::size_t before = backend.allocated;
      const Trainer trainer(backend, part, samples.classes, spec);

      const auto taken = static_cast<double>(backend.allocated - before);
      EXPECT_GE(static_cast<double>(training_numbers(spec, part.size())), taken);
      EXPECT_LE(static_cast<double>(training_numbers(spec, part.size())), 2.5 * taken + 10000);
    }
}

}  // namespace
}  // namespace regatta::train
