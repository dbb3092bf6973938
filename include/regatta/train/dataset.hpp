#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "regatta/comm/node_memory.hpp"

namespace regatta::train {

/// Where samples lie that were not loaded.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual std::size_t features() const = 0;    ///< of a sample
  virtual std::size_t block_rows() const = 0;  ///< neighbours that are best read together
  /// Reads rows from `first` on, so many as x takes. Any thread may call it.
  /// @throws InvalidInput  they cannot be read, or hold what load_dataset refuses
  virtual void read(std::size_t first, std::span<float> x) const = 0;
};

/// One part of a data set.
struct Split {
  std::size_t rows = 0;
  std::span<const float> x;               ///< rows x features; empty where they were not loaded
  std::span<const std::int32_t> labels;   ///< rows x labels_per_sample, 0 .. classes-1; empty for regression
  std::span<const float> values;          ///< rows x outputs; empty for classification
  std::span<const std::int32_t> lengths;  ///< rows, 1 .. steps; empty: no sequence is shorter than the others
  std::shared_ptr<const SampleSource> source = nullptr;  ///< of x, where it was not loaded
};

constexpr std::int32_t no_label = -1;  ///< of a step in sequence labelling

/// A data set in memory: views into blocks of a NodeMemory. Of a large one the samples stay in the file.
///
/// A sequence has the shape {steps, channels}, or {steps} where x holds numbers of tokens; what lies behind
/// its length is padding. In sequence labelling every step has a label, or no_label; those of the padding
/// have none.
struct Dataset {
  std::size_t features = 0;
  std::size_t classes = 0;  ///< 0: regression
  std::size_t outputs = 0;  ///< regression: targets per sample
  std::vector<std::string> class_names;
  std::string origin;
  std::string licence;
  Split train, valid, test;           ///< valid and test may have no rows
  std::vector<std::size_t> shape;     ///< of one sample, product = features: {64}, {8, 8, 1}
  std::size_t tokens = 0;             ///< size of the vocabulary; 0: x holds numbers
  std::size_t labels_per_sample = 1;  ///< classification: 1, or the steps of a sequence
};

/// Data in the host's own vectors, as importers and generators make it; parts as in Split.
struct Table {
  std::vector<float> x;
  std::vector<std::int32_t> labels;
  std::vector<float> values;
  std::vector<std::int32_t> lengths;
};

/// What was taken from each column and what it was then divided by; both empty when nothing was done.
struct Scaling {
  std::vector<double> offset, divisor;  ///< [unit of the column]
};

struct TableSet {
  std::vector<std::size_t> shape;
  std::size_t classes = 0;
  std::size_t outputs = 0;
  std::vector<std::string> class_names;
  std::string origin, licence;
  Scaling scaling;         ///< of the features
  Scaling target_scaling;  ///< of the targets of a regression
  Table train, valid, test;
  std::size_t tokens = 0;
  std::size_t labels_per_sample = 1;
};

/// What a file holds, without its numbers.
struct DatasetInfo {
  std::size_t features = 0, classes = 0, outputs = 0;
  std::size_t train_rows = 0, valid_rows = 0, test_rows = 0;
  std::string origin, licence;
  std::vector<std::size_t> shape;  ///< of one sample
  std::size_t tokens = 0;
  std::size_t labels_per_sample = 1;
};

/// Reads shapes and attributes only.
/// @throws InvalidInput  not HDF5, truncated, wrong layout: names the file and the rule
DatasetInfo inspect_dataset(const std::filesystem::path& file);

/// Reads the whole file once per node and checks every number: finite features and targets, labels in range.
/// Collective over the ranks of `memory`'s node. Layout of the file: README.md, "Your own data".
/// @param most_bytes  samples that need more stay in the file: each rank reads and checks them when it needs
/// them
/// @throws InvalidInput  as inspect_dataset, and for NaN, infinite values and labels out of range
Dataset load_dataset(const std::filesystem::path& file, comm::NodeMemory& memory,
                     std::size_t most_bytes = std::numeric_limits<std::size_t>::max());

/// Writes the layout that load_dataset reads, by temporary file and rename:
///
///     /train/x, /valid/x, /test/x    [rows, ...shape]; valid and test are left out when they have no rows
///     /train/y, ...                  int32 [rows] labels from 0, or float [rows] or [rows, outputs] targets;
///     sequence labelling: int32 [rows, steps], -1 where a step has no label
///     /train/lengths, ...            int32 [rows], where sequences are padded
///     /class_names                   one text per class
///     /standardise/mean, /scale      [features] or [channels], and /standardise/target_mean, /target_scale [outputs]: what
///     was done to
///                                    the numbers, (raw - mean) / scale
///     attributes of /                regatta_data = "1", task = "classification" or "regression", classes,
///     tokens, origin, licence
///
/// A reader needs /train/x, /train/y and, for labels, the attribute classes or /class_names; the rest is
/// optional.
/// @throws InvalidInput   as check_dataset
/// @throws SystemFailure  cannot write; the old file stays
void write_dataset(const std::filesystem::path& file, const TableSet& data);

/// @throws InvalidInput  if the parts do not fit each other or hold what load_dataset refuses; names part,
/// rule and row
void check_dataset(const TableSet& data);

}  // namespace regatta::train
