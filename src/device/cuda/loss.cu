#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"
#include "loss_rows.hpp"

namespace regatta::device::cuda {
namespace {

constexpr unsigned rows_per_slice = 128;  ///< threads of a block; batches up to this need one kernel

/// One thread per sample; the block adds up in pairs.
template <LossKind kind>
__global__ void loss_rows(LossRows rows, std::size_t count, float* sum, float* partial) {
  __shared__ double terms[rows_per_slice];
  const std::size_t i = line_first();
  terms[threadIdx.x] = i < count ? static_cast<double>(sample_loss<kind>(rows, i)) : 0.0;
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
  const LossRows rows{outputs.data, outputs.columns, outputs.columns, targets, scale, gradient};
  check(launch(stream, {static_cast<unsigned>(slices), rows_per_slice}, loss_kernel(kind), rows, outputs.rows, sum, partial));
  if (slices > 1) add_slices(partial, slices, 1, sum, true, stream);
}

}  // namespace regatta::device::cuda
