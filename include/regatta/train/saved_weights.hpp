#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "regatta/comm/node_memory.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

/// The trained numbers of a whole network; owns nothing.
struct SavedWeights {
  std::vector<ParameterCounts> layers;  ///< of those that have parameters
  std::span<const float> parameters;    ///< weights layer by layer, then biases layer by layer
  std::span<const float> statistics;    ///< layer by layer
};

/// Reads the counts only.
/// @throws InvalidInput  no such file, or of another layout: names the file and the rule
std::vector<ParameterCounts> inspect_weights(const std::filesystem::path& file);

/// Reads the file once per node. Collective over the ranks of `memory`'s node. Layout of the file: README.md, "Fine-tuning".
/// @throws InvalidInput  as inspect_weights, and for numbers that are not finite
SavedWeights load_weights(const std::filesystem::path& file, comm::NodeMemory& memory);

/// Writes the layout that load_weights reads, by temporary file and rename.
///
///     /layers      int64 [layers, 3]: numbers of weights, biases and statistics of each layer that has parameters
///     /parameters  float [all weights + all biases]
///     /statistics  float [all statistics]; left out when there are none
///
/// @throws SystemFailure  cannot write; the old file stays
void write_weights(const std::filesystem::path& file, const SavedWeights& weights);

}  // namespace regatta::train
