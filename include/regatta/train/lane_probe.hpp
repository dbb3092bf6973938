#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "regatta/core/clock.hpp"
#include "regatta/train/dataset.hpp"
#include "regatta/train/device_data.hpp"
#include "regatta/train/lane_pack.hpp"
#include "regatta/train/trainer.hpp"

namespace regatta::train {

/// Networks that a backend trains for a short while, one after the other or in lanes, on random samples of
/// which there are no more than some thousand. They learn nothing (the rate is 0), so that none of them
/// diverges.
class LaneProbe {
 public:
  /// @param data      what the samples are like: one number or label each
  /// @param networks  what lanes train, in this order; as many as there are lanes at most
  LaneProbe(device::Backend& backend, const DatasetInfo& data, std::vector<TrainingSpec> networks);

  /// Optimizer steps per second of as many trainings at once, or of 1, where each has as many epochs to do
  /// and another takes its place when it ends. Networks that take too long to make leave lanes out, which
  /// costs their share of the steps.
  /// @param seconds  that this may take beside making the networks and a round of each [s]
  /// @throws device::OutOfDeviceMemory, std::bad_alloc
  double steps_per_second(std::size_t lanes, double seconds);

 private:
  struct Training {
    std::unique_ptr<Trainer> trainer;
    double batch = 1;
    double least = std::numeric_limits<double>::infinity();  ///< seconds per sample so far, alone
  };

  double steps_alone(double seconds);
  double steps_in_lanes(std::size_t lanes, double seconds);
  std::size_t make(std::vector<Training>& trainings, std::size_t wanted, LanePack* pack);
  static double one_stretch(std::span<const Training> trainings, double seconds);
  static double seconds_per_sample(std::span<const Training> trainings, double seconds);

  device::Backend& backend_;
  std::vector<TrainingSpec> networks_;
  std::vector<float> x_, values_;
  std::vector<std::int32_t> labels_;
  Dataset data_;
  std::unique_ptr<DeviceData> placed_;
  std::unique_ptr<Part> part_;
  LanePack pack_;
  std::vector<Training> alone_,
      in_lanes_;  ///< the first networks; alone where the backend is the host, elsewhere in lanes
};

}  // namespace regatta::train
