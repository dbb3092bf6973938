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
  if (!backend.host_memory()) {
    x = numbers_.emplace_back(backend, split.x).data();
    if (values) values = numbers_.emplace_back(backend, split.values).data();
    if (labels) labels = labels_.emplace_back(backend, split.labels).data();
  }
  const auto columns = [&](std::size_t count) { return split.rows > 0 ? count / split.rows : 0; };
  return {{x, split.rows, columns(split.x.size())},
          labels,
          {values, split.rows, columns(split.values.size())},
          split};
}

Part::Part(const DeviceSplit& split) : split_(&split), whole_(true), rows_(split.host.rows) {
  std::iota(rows_.begin(), rows_.end(), 0);
}

Part::Part(const DeviceSplit& split, std::vector<std::int32_t> rows)
    : split_(&split), whole_(false), rows_(std::move(rows)) {
  const std::size_t outputs = split.values.columns;
  for (const std::int32_t row : rows_) {
    const auto place = static_cast<std::size_t>(row);
    require(place < split.host.rows, "row ", row, " is outside a split of ", split.host.rows, " rows");
    if (split.labels) labels_.push_back(split.host.labels[place]);
    const auto first = split.host.values.begin() + static_cast<std::ptrdiff_t>(place * outputs);
    if (outputs > 0) values_.insert(values_.end(), first, first + static_cast<std::ptrdiff_t>(outputs));
  }
}

}  // namespace regatta::train
