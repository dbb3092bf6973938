#include <bit>

#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"
#include "loss_rows.hpp"

namespace regatta::device::cuda {
namespace {

constexpr std::size_t rows_per_slice = 128;  ///< samples of a block; batches up to this need one kernel
constexpr std::size_t most_sharers = 8;       ///< threads of a sample, along x

/// Adds up the losses that the first threads of the samples have, in pairs.
__device__ void add_losses(double own, float* sum, float* partial) {
  __shared__ double terms[rows_per_slice];
  const bool first = threadIdx.x == 0;
  if (first) terms[threadIdx.y] = own;
  __syncthreads();
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    if (first && threadIdx.y < half) terms[threadIdx.y] += terms[threadIdx.y + half];
    __syncthreads();
  }

  if (!first || threadIdx.y > 0) return;
  if (gridDim.x == 1) *sum += static_cast<float>(terms[0]);
  else partial[blockIdx.x] = static_cast<float>(terms[0]);
}

__device__ std::size_t sample_of_thread() { return std::size_t{blockIdx.x} * blockDim.y + threadIdx.y; }

/// One thread per sample.
template <LossKind kind>
__global__ void loss_rows(LossRows rows, std::size_t count, float* sum, float* partial) {
  const std::size_t i = sample_of_thread();
  add_losses(i < count ? static_cast<double>(sample_loss<kind>(rows, i)) : 0.0, sum, partial);
}

/// What `combine` makes of the numbers of all threads of a sample, for each of them.
template <class Combine>
__device__ float combined(float own, const Combine& combine) {
  __shared__ float terms[rows_per_slice][most_sharers];
  terms[threadIdx.y][threadIdx.x] = own;
  __syncthreads();
  float all = terms[threadIdx.y][0];
  for (unsigned k = 1; k < blockDim.x; ++k) all = combine(all, terms[threadIdx.y][k]);
  __syncthreads();
  return all;
}

/// The threads of a sample share its classes.
__global__ void __launch_bounds__(rows_per_slice * most_sharers)
    cross_entropy_rows(LossRows rows, std::size_t count, float* sum, float* partial) {
  const auto plus = [](float a, float b) { return a + b; };
  const std::size_t i = sample_of_thread(), classes = i < count ? rows.columns : 0;
  const bool labelled = i < count && rows.targets.labels[i] >= 0;
  const float* logits = rows.outputs + i * rows.stride;
  float top = classes > 0 ? logits[0] : 0.0f, exponentials = 0, total = 0;
  for (std::size_t j = threadIdx.x; j < classes; j += blockDim.x) top = logits[j] > top ? logits[j] : top;
  top = combined(top, [](float a, float b) { return b > a ? b : a; });
  for (std::size_t j = threadIdx.x; j < classes; j += blockDim.x) {
    exponentials += formulas::exponential(logits[j] - top);
    total += logits[j];
  }
  const float log_sum = top + formulas::logarithm(combined(exponentials, plus));
  total = combined(total, plus);

  const std::size_t label = labelled ? static_cast<std::size_t>(rows.targets.labels[i]) : 0;
  const float weight = labelled ? rows.class_weight(i) : 0.0f;
  const formulas::Smoothed target = formulas::smoothed(rows.targets.label_smoothing, rows.columns);
  for (std::size_t j = threadIdx.x; rows.gradient && j < classes; j += blockDim.x) {
    const float slope = formulas::cross_entropy_slope(logits[j], log_sum, j == label ? target.label : target.other);
    rows.gradient[i * rows.stride + j] = labelled ? weight * rows.scale * slope : 0.0f;
  }
  float loss = labelled ? log_sum - (target.label - target.other) * logits[label] : 0.0f;
  if (labelled && target.other > 0.0f) loss -= target.other * total;
  add_losses(static_cast<double>(weight * loss), sum, partial);
}

auto loss_kernel(LossKind kind) {
  switch (kind) {
    case LossKind::CrossEntropy: return cross_entropy_rows;
    case LossKind::BinaryCrossEntropy: return loss_rows<LossKind::BinaryCrossEntropy>;
    case LossKind::Absolute: return loss_rows<LossKind::Absolute>;
    case LossKind::AbsolutePercentage: return loss_rows<LossKind::AbsolutePercentage>;
    case LossKind::Squared: break;
  }
  return loss_rows<LossKind::Squared>;
}

Shape loss_shape(LossKind kind, MatrixView<const float> outputs) {
  const std::size_t sharers = std::min(std::bit_ceil(blocks_for(outputs.columns, 2)), most_sharers);
  return {{static_cast<unsigned>(loss_slices(outputs.rows))},
          {kind == LossKind::CrossEntropy ? static_cast<unsigned>(sharers) : 1,
           static_cast<unsigned>(std::min(std::bit_ceil(outputs.rows), rows_per_slice))}};
}

}  // namespace

std::size_t loss_slices(std::size_t samples) { return blocks_for(samples, rows_per_slice); }

void loss(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale, float* gradient, float* sum,
          float* partial, Stream& stream) {
  const std::size_t slices = loss_slices(outputs.rows);
  const LossRows rows{outputs.data, outputs.columns, outputs.columns, targets, scale, gradient};
  check(launch(stream, loss_shape(kind, outputs), loss_kernel(kind), rows, outputs.rows, sum, partial));
  if (slices > 1) add_slices(partial, slices, 1, sum, true, stream);
}

}  // namespace regatta::device::cuda
