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

}  // namespace

const std::vector<TrainingSize>& training_sizes() {
  const auto lstm = [](std::size_t units) { return train::RecurrentSpec{device::CellKind::Lstm, units}; };
  const train::DenseSpec output{1};
  static const std::vector<TrainingSize> sizes = {
      {"tiny", "10-16-16-1", train::mlp({10, {16, 16}, 1}), 32, 0, 0.0727e6, 300},
      {"a", "10-64-64-1", train::mlp({10, {64, 64}, 1}), 32, 0, 0.88e6, 40},
      {"b", "64-128-128-10", train::mlp({64, {128, 128}, 10}), 64, 10, 8.88e6, 7.5},
      {"c", "784-512-256-10", train::mlp({784, {512, 256}, 10}), 128, 10, 308e6, 2.3},
      {"f", "LSTM 16-64 over 50 steps, 1", {{50, 16}, {lstm(64), output}}, 64, 0, 367e6, 4.8},
  };
  return sizes;
}

Training::Training(const TrainingSize& size, std::size_t rows, comm::Communicator* team, bool shared)
    : table_(random_rows(rows, train::size_of(size.spec.input), size.classes)) {
  dataset_.features = train::size_of(size.spec.input);
  dataset_.classes = size.classes;
  dataset_.outputs = size.classes == 0 ? 1 : 0;
  dataset_.train = {rows, table_.x, table_.labels, table_.values};
  backend_ = device::make_cpu_backend();
  data_ = std::make_unique<train::DeviceData>(*backend_, dataset_);
  part_ = std::make_unique<train::Part>(data_->train());
  train::TrainingSpec spec;
  spec.network = size.spec;
  spec.loss = size.classes == 0 ? device::LossKind::Squared : device::LossKind::CrossEntropy;
  spec.batch = size.batch;
  spec.share_updates = shared;
  trainer_ = std::make_unique<train::Trainer>(*backend_, *part_, size.classes, spec, train::Team{team, nullptr});
}

void Training::epoch() {
  while (!trainer_->advance()) {
  }
}

}  // namespace regatta::benchmark
