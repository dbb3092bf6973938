#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/device/backend.hpp"

namespace regatta::train {

/// What can be said of a network's answers to samples whose truth is known. With more than one output of a
/// regression the mean over the outputs is taken.
enum class Measure {
  Loss,              ///< mean of the training's loss, without class weights and penalties
  Accuracy,          ///< share of right answers
  BalancedAccuracy,  ///< mean recall over the classes that occur in the truth
  // Precision, recall and F1 = 2 TP / (2 TP + FP + FN) by class, 0 where nothing can be divided. Macro: mean
  // over the classes that occur in truth or answers; weighted: by the rows of each class.
  PrecisionMacro,
  PrecisionWeighted,
  RecallMacro,
  RecallWeighted,
  F1Macro,
  F1Weighted,
  R2,  ///< 1 - squared error / squared deviation from the mean; of a constant truth: 1 if met exactly, else 0
  Mse,   ///< mean squared error
  Rmse,  ///< its square root, of each output
  Mae,   ///< mean absolute error
  Mape,  ///< mean of |y - t| / max(|t|, 1e-8), a share, not a percentage
};

enum class Where { Train, Valid, Test };

/// "val_f1_macro": a measure of one part of the data.
struct Metric {
  Where where = Where::Valid;
  Measure measure = Measure::Loss;
};

/// None for a text that names no metric.
std::optional<Metric> parse_metric(std::string_view name);
std::string name_of(const Metric& metric);
/// Names of the metrics of a classification or a regression on one part, the most usual one first.
std::vector<std::string> metric_names(Where where, bool classification);
/// Whether more is better.
bool maximized(Measure measure);
bool is_for(Measure measure, bool classification);

/// A network's outputs beside the truth.
struct Answers {
  std::span<const float> outputs;  ///< rows x columns: logits or predictions; a row per step in sequence labelling
  std::size_t columns = 1;
  device::LossKind loss = device::LossKind::CrossEntropy;
  std::span<const std::int32_t> labels;  ///< rows, those with no_label do not count; empty for a regression
  std::size_t classes = 0;
  std::span<const float> values;  ///< rows x columns; empty for a classification
};

/// Not a number when an output is not finite or when there is no row.
double score(Measure measure, const Answers& answers);

}  // namespace regatta::train
