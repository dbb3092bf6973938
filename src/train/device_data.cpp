#include "regatta/train/device_data.hpp"

#include <numeric>
#include <utility>

#include "regatta/core/error.hpp"

namespace regatta::train {

DeviceData::DeviceData(device::Backend& backend, const Dataset& dataset)
    : dataset_(&dataset),
      train_(place(backend, dataset.train)),
      valid_(place(backend, dataset.valid)),
      test_(place(backend, dataset.test)) {}

DeviceSplit DeviceData::place(device::Backend& backend, const Split& split) {
  const float* x = split.x.data();
  const float* values = split.values.empty() ? nullptr : split.values.data();
  const std::int32_t* labels = split.labels.empty() ? nullptr : split.labels.data();
  const std::int32_t* lengths = split.lengths.empty() ? nullptr : split.lengths.data();
  if (!backend.host_memory()) {
    x = numbers_.emplace_back(backend, split.x).data();
    if (values) values = numbers_.emplace_back(backend, split.values).data();
    if (labels) labels = indices_.emplace_back(backend, split.labels).data();
    if (lengths) lengths = indices_.emplace_back(backend, split.lengths).data();
  }
  const auto columns = [&](std::size_t count) { return split.rows > 0 ? count / split.rows : 0; };
  return {{x, split.rows, columns(split.x.size())},
          {labels, split.rows, columns(split.labels.size())},
          {values, split.rows, columns(split.values.size())},
          lengths,
          split};
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
