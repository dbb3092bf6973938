#include "../formulas.hpp"
#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

constexpr unsigned rows_per_slice = 128;  ///< threads of a block; batches up to this need one kernel

struct LossRows {
  MatrixView<const float> outputs;
  Targets targets;
  float scale;
  float* gradient;  ///< or null

  constexpr float class_weight(std::size_t i) const {
    return targets.class_weights ? targets.class_weights[targets.labels[i]] : 1.0f;
  }
};

constexpr float cross_entropy(const LossRows& rows, std::size_t i) {
  const std::size_t columns = rows.outputs.columns;
  const float* logits = rows.outputs.data + i * columns;
  const auto label = static_cast<std::size_t>(rows.targets.labels[i]);
  const float weight = rows.class_weight(i), log_sum = formulas::log_sum_exp(logits, columns);
  const formulas::Smoothed target = formulas::smoothed(rows.targets.label_smoothing, columns);
  if (rows.gradient)
    for (std::size_t j = 0; j < columns; ++j)
      rows.gradient[i * columns + j] =
          weight * rows.scale *
          formulas::cross_entropy_slope(logits[j], log_sum, j == label ? target.label : target.other);
  return weight * formulas::cross_entropy(logits, columns, log_sum, label, target);
}

constexpr float binary_cross_entropy(const LossRows& rows, std::size_t i) {
  const float logit = rows.outputs.data[i];
  const float label = formulas::smoothed_binary(rows.targets.labels[i], rows.targets.label_smoothing);
  const float weight = rows.class_weight(i);
  if (rows.gradient) rows.gradient[i] = weight * rows.scale * formulas::binary_slope(logit, label);
  return weight * formulas::binary_loss(logit, label);
}

template <LossKind kind>
constexpr float regression(const LossRows& rows, std::size_t i) {
  const std::size_t columns = rows.outputs.columns;
  const float count = static_cast<float>(columns);
  float sum = 0;
  for (std::size_t at = i * columns; at < (i + 1) * columns; ++at) {
    const float y = rows.outputs.data[at], target = rows.targets.values[at];
    if (rows.gradient) rows.gradient[at] = rows.scale / count * formulas::loss_slope<kind>(y, target);
    sum += formulas::loss_of<kind>(y, target);
  }
  return sum / count;
}

/// Of a row without a label.
constexpr float no_loss(const LossRows& rows, std::size_t i) {
  const std::size_t columns = rows.outputs.columns;
  if (rows.gradient)
    for (std::size_t at = i * columns; at < (i + 1) * columns; ++at) rows.gradient[at] = 0;
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

/// One thread per sample; the block adds up in pairs.
template <LossKind kind>
__global__ void loss_rows(LossRows rows, float* sum, float* partial) {
  __shared__ double terms[rows_per_slice];
  const std::size_t i = line_first();
  terms[threadIdx.x] = i < rows.outputs.rows ? static_cast<double>(sample_loss<kind>(rows, i)) : 0.0;
  __syncthreads();
  for (unsigned half = rows_per_slice / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) terms[threadIdx.x] += terms[threadIdx.x + half];
    __syncthreads();
  }

  if (threadIdx.x > 0) return;
  if (gridDim.x == 1) *sum += static_cast<float>(terms[0]);
  else partial[blockIdx.x] = static_cast<float>(terms[0]);
}

auto loss_kernel(LossKind kind) {
  switch (kind) {
    case LossKind::CrossEntropy: return loss_rows<LossKind::CrossEntropy>;
    case LossKind::BinaryCrossEntropy: return loss_rows<LossKind::BinaryCrossEntropy>;
    case LossKind::Absolute: return loss_rows<LossKind::Absolute>;
    case LossKind::AbsolutePercentage: return loss_rows<LossKind::AbsolutePercentage>;
    case LossKind::Squared: break;
  }
  return loss_rows<LossKind::Squared>;
}

}  // namespace

std::size_t loss_slices(std::size_t samples) { return blocks_for(samples, rows_per_slice); }

void loss(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale, float* gradient, float* sum,
          float* partial, Stream& stream) {
  const std::size_t slices = loss_slices(outputs.rows);
  const LossRows rows{outputs, targets, scale, gradient};
  check(launch(stream, {static_cast<unsigned>(slices), rows_per_slice}, loss_kernel(kind), rows, sum, partial));
  if (slices > 1) add_slices(partial, slices, 1, sum, true, stream);
}

}  // namespace regatta::device::cuda
