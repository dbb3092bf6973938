#pragma once

#include <cstddef>

#include "../formulas.hpp"

// The loss of one sample, for the kernels that walk over samples.
namespace regatta::device::cuda {

struct LossRows {
  const float* outputs;
  std::size_t columns;
  std::size_t stride;  ///< of the rows of outputs and gradient
  Targets targets;
  float scale;
  float* gradient;  ///< or null

  constexpr float class_weight(std::size_t i) const {
    return targets.class_weights ? targets.class_weights[targets.labels[i]] : 1.0f;
  }
};

constexpr float cross_entropy(const LossRows& rows, std::size_t i) {
  const std::size_t columns = rows.columns;
  const float* logits = rows.outputs + i * rows.stride;
  const auto label = static_cast<std::size_t>(rows.targets.labels[i]);
  const float weight = rows.class_weight(i), log_sum = formulas::log_sum_exp(logits, columns);
  const formulas::Smoothed target = formulas::smoothed(rows.targets.label_smoothing, columns);
  if (rows.gradient)
    for (std::size_t j = 0; j < columns; ++j)
      rows.gradient[i * rows.stride + j] =
          weight * rows.scale *
          formulas::cross_entropy_slope(logits[j], log_sum, j == label ? target.label : target.other);
  return weight * formulas::cross_entropy(logits, columns, log_sum, label, target);
}

constexpr float binary_cross_entropy(const LossRows& rows, std::size_t i) {
  const float logit = rows.outputs[i * rows.stride];
  const float label = formulas::smoothed_binary(rows.targets.labels[i], rows.targets.label_smoothing);
  const float weight = rows.class_weight(i);
  if (rows.gradient) rows.gradient[i * rows.stride] = weight * rows.scale * formulas::binary_slope(logit, label);
  return weight * formulas::binary_loss(logit, label);
}

template <LossKind kind>
constexpr float regression(const LossRows& rows, std::size_t i) {
  const float count = static_cast<float>(rows.columns);
  float sum = 0;
  for (std::size_t j = 0; j < rows.columns; ++j) {
    const float y = rows.outputs[i * rows.stride + j], target = rows.targets.values[i * rows.columns + j];
    if (rows.gradient)
      rows.gradient[i * rows.stride + j] = rows.scale / count * formulas::loss_slope<kind>(y, target);
    sum += formulas::loss_of<kind>(y, target);
  }
  return sum / count;
}

/// Of a row without a label.
constexpr float no_loss(const LossRows& rows, std::size_t i) {
  if (rows.gradient)
    for (std::size_t j = 0; j < rows.columns; ++j) rows.gradient[i * rows.stride + j] = 0;
  return 0;
}

/// The loss of sample i; writes its gradient.
template <LossKind kind>
constexpr float sample_loss(const LossRows& rows, std::size_t i) {
  constexpr bool of_classes = kind == LossKind::CrossEntropy || kind == LossKind::BinaryCrossEntropy;
  if constexpr (of_classes)
    if (rows.targets.labels[i] < 0) return no_loss(rows, i);
  if constexpr (kind == LossKind::CrossEntropy) return cross_entropy(rows, i);
  else if constexpr (kind == LossKind::BinaryCrossEntropy) return binary_cross_entropy(rows, i);
  else return regression<kind>(rows, i);
}

}  // namespace regatta::device::cuda
