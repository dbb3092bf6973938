#include "training.hpp"

#include <cmath>
#include <cstdlib>

#include "regatta/core/random.hpp"

namespace regatta::benchmark {
namespace {

/// Random rows; labels or targets are a function of them.
train::Table random_rows(std::size_t rows, std::size_t features, std::size_t classes) {
  train::Table table;
  Random random(1);
  for (std::size_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < features; ++j) {
      const double x = random.normal();
      sum += j % 3 == 0 ? -x : x;
      table.x.push_back(static_cast<float>(x));
    }
    if (classes == 0)
      table.values.push_back(static_cast<float>(std::sin(sum)));
    else
      table.labels.push_back(static_cast<std::int32_t>(std::abs(sum)) % static_cast<std::int32_t>(classes));
  }
  return table;
}

/// Two convolutions of 5 x 5 with ReLU and max pooling, then dense layers (LeCun et al. 1998).
/// @param padded  the first one
train::NetworkSpec lenet(std::size_t first, bool padded, std::size_t second,
                         std::vector<std::size_t> hidden) {
  constexpr auto relu = device::Activation::Relu;
  train::NetworkSpec network{{28, 28, 1}, {}};
  network.layers = {train::ConvolutionSpec{first, 5, 1, padded, relu}, train::PoolSpec{},
                    train::ConvolutionSpec{second, 5, 1, false, relu}, train::PoolSpec{}};
  for (const std::size_t units : hidden) network.layers.push_back(train::DenseSpec{units, relu});
  network.layers.push_back(train::DenseSpec{10});
  return network;
}

/// Residual blocks of two convolutions with batch normalization, each before a max pooling (He et al. 2016).
train::NetworkSpec residual_network(std::vector<std::size_t> channels) {
  train::NetworkSpec network{{32, 32, 3}, {}};
  for (const std::size_t c : channels) {
    network.layers.push_back(
        train::ResidualSpec{{train::ConvolutionSpec{c}, train::BatchNormSpec{device::Activation::Relu},
                             train::ConvolutionSpec{c}, train::BatchNormSpec{}},
                            {train::ConvolutionSpec{c, 1}},
                            device::Activation::Relu});
    network.layers.push_back(train::PoolSpec{});
  }
  network.layers.push_back(train::PoolSpec{device::PoolKind::Average, 0, 1});
  network.layers.push_back(train::DenseSpec{10});
  return network;
}

}  // namespace

const std::vector<TrainingSize>& training_sizes() {
  const auto lstm = [](std::size_t units) { return train::RecurrentSpec{device::CellKind::Lstm, units}; };
  const train::DenseSpec output{1};
  static const std::vector<TrainingSize> sizes = {
      {"tiny", "10-16-16-1", train::mlp({10, {16, 16}, 1}), 32, 0, 0.0727e6, 300},
      {"a", "10-64-64-1", train::mlp({10, {64, 64}, 1}), 32, 0, 0.88e6, 40},
      {"b", "64-128-128-10", train::mlp({64, {128, 128}, 10}), 64, 10, 8.88e6, 7.5},
      {"c", "784-512-256-10", train::mlp({784, {512, 256}, 10}), 128, 10, 308e6, 2.3},
      {"d", "LeNet 6-16-120-84", lenet(6, true, 16, {120, 84}), 128, 10, 290e6, 4},
      {"D", "LeNet 20-50-500", lenet(20, false, 50, {500}), 128, 10, 1.69e9, 3.5},
      {"e", "residual 32-64-128", residual_network({32, 64, 128}), 128, 10, 30.3e9, 2},
      {"f", "LSTM 16-64 over 50 steps, 1", {{50, 16}, {lstm(64), output}}, 64, 0, 367e6, 4.8},
  };
  return sizes;
}

namespace {

train::Dataset dataset_of(const TrainingSize& size, const train::Table& table, std::size_t rows) {
  train::Dataset dataset;
  dataset.features = train::size_of(size.spec.input);
  dataset.classes = size.classes;
  dataset.outputs = size.classes == 0 ? 1 : 0;
  dataset.train = {rows, table.x, table.labels, table.values};
  return dataset;
}

/// The same samples in a file, from which they are to be read.
train::Dataset stored_copy(const TrainingSize& size, const train::Table& table, const std::filesystem::path& file,
                           comm::NodeMemory& memory) {
  train::TableSet set;
  set.shape = size.spec.input;
  set.classes = size.classes;
  set.outputs = size.classes == 0 ? 1 : 0;
  set.train = table;
  train::write_dataset(file, set);
  return train::load_dataset(file, memory, 0);
}

train::TrainingSpec training_of(const TrainingSize& size) {
  train::TrainingSpec spec;
  spec.network = size.spec;
  spec.loss = size.classes == 0 ? device::LossKind::Squared : device::LossKind::CrossEntropy;
  spec.batch = size.batch;
  return spec;
}

}  // namespace

Training::Training(const TrainingSize& size, std::size_t rows, comm::Communicator* team, bool shared,
                   bool cuda, device::Precision precision, bool stored)
    : table_(random_rows(rows, train::size_of(size.spec.input), size.classes)),
      dataset_(dataset_of(size, table_, rows)) {
  backend_ = cuda ? device::make_cuda_backend(0) : device::make_cpu_backend();
  if (stored) dataset_ = stored_copy(size, table_, folder_ / "data.h5", memory_);
  data_ = std::make_unique<train::DeviceData>(*backend_, dataset_, rows * dataset_.features * sizeof(float));
  part_ = std::make_unique<train::Part>(data_->train());
  train::TrainingSpec spec = training_of(size);
  spec.share_updates = shared;
  spec.precision = precision;
  trainer_ =
      std::make_unique<train::Trainer>(*backend_, *part_, size.classes, spec, train::Team{team, nullptr});
}

void Training::epoch() {
  while (!trainer_->advance()) {
  }
}

Population::Population(const TrainingSize& size, std::size_t rows, bool cuda, std::size_t lanes, device::Precision precision)
    : table_(random_rows(rows, train::size_of(size.spec.input), size.classes)),
      dataset_(dataset_of(size, table_, rows)),
      backend_(cuda ? device::make_cuda_backend(0) : device::make_cpu_backend()) {
  data_ = std::make_unique<train::DeviceData>(*backend_, dataset_);
  part_ = std::make_unique<train::Part>(data_->train());
  pack_ = std::make_unique<train::LanePack>(backend_->make_lane_engine());
  train::TrainingSpec spec = training_of(size);
  spec.precision = precision;
  const auto make = [&] {
    return std::make_unique<train::Trainer>(*backend_, *part_, size.classes, spec, train::Team{},
                                            train::LanePlace{pack_.get(), {}});
  };
  const std::size_t capacity = make()->lane_capacity();
  if (lanes == 0 || capacity == 0) lanes = capacity;
  for (; spec.seed < lanes; ++spec.seed) trainers_.push_back(make());
}

Population::~Population() = default;

void Population::epoch() {
  std::vector<bool> done(trainers_.size(), false);
  for (std::size_t left = trainers_.size(); left > 0;)
    for (std::size_t i = 0; i < trainers_.size(); ++i)
      if (!done[i] && trainers_[i]->advance()) {
        done[i] = true;
        --left;
      }
}

}  // namespace regatta::benchmark
