#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "regatta/comm/node_memory.hpp"

namespace regatta::train {

/// One part of a data set; owns nothing.
struct Split {
  std::size_t rows = 0;
  std::span<const float> x;             ///< rows x features
  std::span<const std::int32_t> labels;  ///< rows, 0 .. classes-1; empty for regression
  std::span<const float> values;        ///< rows x outputs; empty for classification
};

/// A data set in memory: views into blocks of a NodeMemory.
struct Dataset {
  std::size_t features = 0;
  std::size_t classes = 0;  ///< 0: regression
  std::size_t outputs = 0;  ///< regression: targets per sample
  std::vector<std::string> class_names;
  std::string origin;
  std::string licence;
  Split train, valid, test;  ///< valid and test may have no rows
  std::vector<std::size_t> shape;  ///< of one sample, product = features: {64}, {8, 8, 1}
};

/// Data in the host's own vectors, as importers and generators make it.
struct Table {
  std::vector<float> x;
  std::vector<std::int32_t> labels;
  std::vector<float> values;
};
struct TableSet {
  std::vector<std::size_t> shape;
  std::size_t classes = 0;
  std::size_t outputs = 0;
  std::vector<std::string> class_names;
  std::string origin, licence;
  Table train, valid, test;
};

/// What a file holds, without its numbers.
struct DatasetInfo {
  std::size_t features = 0, classes = 0, outputs = 0;
  std::size_t train_rows = 0, valid_rows = 0, test_rows = 0;
  std::string origin, licence;
};

/// Reads shapes and attributes only.
/// @throws InvalidInput  not HDF5, truncated, wrong layout: names the file and the rule
DatasetInfo inspect_dataset(const std::filesystem::path& file);

/// Reads the whole file once per node and checks every number: finite features and targets, labels in range.
/// Collective over the ranks of `memory`'s node. Layout of the file: README.md, "Your own data".
/// @throws InvalidInput  as inspect_dataset, and for NaN, infinite values and labels out of range
Dataset load_dataset(const std::filesystem::path& file, comm::NodeMemory& memory);

/// Writes the layout that load_dataset reads, by temporary file and rename.
void write_dataset(const std::filesystem::path& file, const TableSet& data);

/// @throws InvalidInput  if the parts do not fit each other
void check_dataset(const TableSet& data);

}  // namespace regatta::train
