#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "regatta/core/option.hpp"
#include "regatta/train/dataset.hpp"

namespace regatta::train {

struct RegressionOptions {
  std::size_t samples = 1000;
  std::size_t features = 10;
  double noise = 0.1;  ///< standard deviation [that of the signal]
  std::uint64_t seed = 1;
};

/// A linear problem, split 70 / 15 / 15:
///
///     y = X w + noise e,   X and e standard normal,   w = u / |u| with u uniform in [0, 1)
///
/// so that the signal X w has variance 1, y has 1 + noise², and no model can have a mean squared error below
/// noise² or an R2 above 1 / (1 + noise²) on many new samples.
/// @see the function make_regression of scikit-learn, which leaves w unscaled
TableSet generate_regression(const RegressionOptions& options);

struct RecallOptions {
  std::size_t samples = 2000;
  std::size_t steps = 20;
  std::size_t symbols = 4;  ///< to be recalled
  std::size_t noise = 8;    ///< tokens that say nothing
  std::uint64_t seed = 1;
};

/// Sequence labelling that needs memory, split 70 / 15 / 15: random tokens, one in five of them a symbol; the label of
/// each step is the last symbol so far, and none before the first. Lengths lie between half of the steps and all.
TableSet generate_recall(const RecallOptions& options);

/// Options of `regatta import recall`, and the same from their texts.
std::vector<Option> recall_options();
TableSet generate_recall(const std::map<std::string, std::string>& options);

/// Options of `regatta import regression`, and the same from their texts.
std::vector<Option> regression_options();
TableSet generate_regression(const std::map<std::string, std::string>& options);

}  // namespace regatta::train
