#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "regatta/device/backend.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/dataset.hpp"
#include "regatta/train/sample_stream.hpp"

namespace regatta::train {

/// One part of a data set where a backend can read it, and on the host.
struct DeviceSplit {
  device::MatrixView<const float> x;  ///< rows x features; data null where trainings read it window by window
  device::MatrixView<const std::int32_t> labels;  ///< rows x labels of a sample; data null for regression
  device::MatrixView<const float> values;         ///< rows x outputs; data null for classification
  const std::int32_t* lengths = nullptr;          ///< rows, or null
  Split host;
  std::shared_ptr<const SampleSource> source = nullptr;  ///< of x, where that is read
  Windows windows = {};
};

/// A data set on a backend, made once and shared by all trials. Where the backend reads host memory nothing
/// is copied, so the ranks of a node share one copy. Samples that were not loaded, or for which the backend
/// has no room beside a network, are read by each training.
class DeviceData {
 public:
  /// Both must outlive this object.
  /// @param window_bytes  that a training may take for the samples that it reads
  /// @throws device::OutOfDeviceMemory
  DeviceData(device::Backend& backend, const Dataset& dataset,
             std::size_t window_bytes = std::size_t{512} << 20);

  const Dataset& dataset() const { return *dataset_; }
  const DeviceSplit& train() const { return train_; }
  const DeviceSplit& valid() const { return valid_; }
  const DeviceSplit& test() const { return test_; }

 private:
  DeviceSplit place(device::Backend& backend, const Split& split);

  const Dataset* dataset_;
  std::size_t window_bytes_;
  bool room_;  ///< for the samples, on the backend
  std::vector<device::Buffer<float>> numbers_;
  std::vector<device::Buffer<std::int32_t>> indices_;
  DeviceSplit train_, valid_, test_;
};

/// All or some rows of a split, to train on or to be judged on.
class Part {
 public:
  explicit Part(const DeviceSplit& split);  ///< all rows, in their order
  Part(const DeviceSplit& split, std::vector<std::int32_t> rows);

  std::size_t size() const { return rows_.size(); }
  bool whole() const { return whole_; }
  const DeviceSplit& split() const { return *split_; }
  /// Their numbers in the split.
  std::span<const std::int32_t> rows() const { return rows_; }
  /// Of these rows, in this order, on the host; empty where the split has none.
  std::span<const std::int32_t> labels() const { return whole_ ? split_->host.labels : std::span(labels_); }
  std::span<const float> values() const { return whole_ ? split_->host.values : std::span(values_); }

 private:
  const DeviceSplit* split_;
  bool whole_;
  std::vector<std::int32_t> rows_;
  std::vector<std::int32_t> labels_;
  std::vector<float> values_;
};

}  // namespace regatta::train
