#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "regatta/comm/node_memory.hpp"
#include "regatta/train/lane_pack.hpp"
#include "regatta/train/trainer.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::benchmark {

/// A network that is trained to see how long a step takes; the letters are those of peers/trainer.py.
struct TrainingSize {
  std::string name, network;
  train::NetworkSpec spec;
  std::size_t batch;
  std::size_t classes;  ///< 0: regression of one number
  double operations;    ///< per step, floating-point, of the products alone
  double target;        ///< times faster than PyTorch
};

const std::vector<TrainingSize>& training_sizes();

/// A trainer of one size, with random rows of its own.
class Training {
 public:
  /// @param rows    of an epoch
  /// @param team    null: this rank is alone
  /// @param shared  as TrainingSpec::share_updates
  /// @param cuda    on the first GPU instead of the processor
  /// @param stored  samples are read from a file, in windows of half of them
  Training(const TrainingSize& size, std::size_t rows, comm::Communicator* team = nullptr, bool shared = true,
           bool cuda = false, device::Precision precision = device::Precision::Fp32, bool stored = false);

  void epoch();

 private:
  train::Table table_;
  support::TemporaryFolder folder_;
  comm::PrivateMemory memory_;
  train::Dataset dataset_;
  std::unique_ptr<device::Backend> backend_;
  std::unique_ptr<train::DeviceData> data_;
  std::unique_ptr<train::Part> part_;
  std::unique_ptr<train::Trainer> trainer_;
};

/// Many trainers of one size, each in a lane.
class Population {
 public:
  /// @param cuda   on the first GPU instead of the processor
  /// @param lanes  0: as many as the device holds
  Population(const TrainingSize& size, std::size_t rows, bool cuda, std::size_t lanes = 0,
             device::Precision precision = device::Precision::Fp32);
  ~Population();

  /// 0 where the network is too large for a lane.
  std::size_t lanes() const { return trainers_.size(); }
  /// All of them train one.
  void epoch();

 private:
  train::Table table_;
  train::Dataset dataset_;
  std::unique_ptr<device::Backend> backend_;
  std::unique_ptr<train::DeviceData> data_;
  std::unique_ptr<train::Part> part_;
  std::unique_ptr<train::LanePack> pack_;
  std::vector<std::unique_ptr<train::Trainer>> trainers_;
};

}  // namespace regatta::benchmark
