#include "regatta/train/device_data.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::train {

namespace {

/// Samples in memory of the host that a backend has no room for.
class LoadedSamples final : public SampleSource {
 public:
  LoadedSamples(std::span<const float> x, std::size_t features) : x_(x), features_(features) {}

  std::size_t features() const override { return features_; }
  std::size_t block_rows() const override { return 1; }
  void read(std::size_t first, std::span<float> x) const override {
    std::ranges::copy(x_.subspan(first * features_, x.size()), x.begin());
  }

 private:
  std::span<const float> x_;
  std::size_t features_;
};

/// Whether a backend takes all samples and leaves a network a quarter as much.
bool has_room(device::Backend& backend, const Dataset& dataset) {
  if (backend.host_memory()) return true;
  const std::size_t numbers = dataset.train.x.size() + dataset.valid.x.size() + dataset.test.x.size();
  try {
    const device::Buffer<float> probe(backend, numbers + numbers / 4);
    return true;
  } catch (const device::OutOfDeviceMemory&) {
    return false;
  }
}

/// Two windows within so much memory, of 16 blocks at least, so that an order mixes rows from far apart.
Windows windows_of(const SampleSource& source, std::size_t bytes) {
  const std::size_t rows = std::max<std::size_t>(bytes / (2 * sizeof(float) * source.features()), 1);
  return {rows, std::clamp<std::size_t>(rows / 16, 1, source.block_rows())};
}

}  // namespace

DeviceData::DeviceData(device::Backend& backend, const Dataset& dataset, std::size_t window_bytes)
    : dataset_(&dataset),
      window_bytes_(window_bytes),
      room_(has_room(backend, dataset)),
      train_(place(backend, dataset.train)),
      valid_(place(backend, dataset.valid)),
      test_(place(backend, dataset.test)) {}

DeviceSplit DeviceData::place(device::Backend& backend, const Split& split) {
  const float* x = split.x.data();
  const float* values = split.values.empty() ? nullptr : split.values.data();
  const std::int32_t* labels = split.labels.empty() ? nullptr : split.labels.data();
  const std::int32_t* lengths = split.lengths.empty() ? nullptr : split.lengths.data();
  std::shared_ptr<const SampleSource> source = split.source;
  if (!source && !room_ && split.rows > 0)
    source = std::make_shared<LoadedSamples>(split.x, dataset_->features);
  if (!backend.host_memory()) {
    x = source ? nullptr : numbers_.emplace_back(backend, split.x).data();
    if (values) values = numbers_.emplace_back(backend, split.values).data();
    if (labels) labels = indices_.emplace_back(backend, split.labels).data();
    if (lengths) lengths = indices_.emplace_back(backend, split.lengths).data();
  }
  const auto columns = [&](std::size_t count) { return split.rows > 0 ? count / split.rows : 0; };
  return {{x, split.rows, source ? source->features() : columns(split.x.size())},
          {labels, split.rows, columns(split.labels.size())},
          {values, split.rows, columns(split.values.size())},
          lengths,
          split,
          source,
          source ? windows_of(*source, window_bytes_) : Windows()};
}

Part::Part(const DeviceSplit& split) : split_(&split), whole_(true), rows_(split.host.rows) {
  std::iota(rows_.begin(), rows_.end(), 0);
}

Part::Part(const DeviceSplit& split, std::vector<std::int32_t> rows)
    : split_(&split), whole_(false), rows_(std::move(rows)) {
  const auto take = [](const auto& from, std::size_t first, std::size_t count, auto& to) {
    const auto part = from.subspan(first * count, count);
    to.insert(to.end(), part.begin(), part.end());
  };
  for (const std::int32_t row : rows_) {
    const auto place = static_cast<std::size_t>(row);
    require(place < split.host.rows, "row ", row, " is outside a split of ", split.host.rows, " rows");
    take(split.host.labels, place, split.labels.columns, labels_);
    take(split.host.values, place, split.values.columns, values_);
  }
}

}  // namespace regatta::train
