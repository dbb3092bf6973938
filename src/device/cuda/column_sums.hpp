#pragma once

#include <algorithm>
#include <bit>

#include "launch.hpp"

// Sums over the rows of a matrix, column by column: one block per slice of rows and some columns, then add_slices().
namespace regatta::device::cuda {

constexpr std::size_t rows_per_slice = 256;  ///< batches up to this need one kernel
constexpr std::size_t rows_per_thread = 4, threads_per_slice = 1024;

constexpr std::size_t row_slices(std::size_t rows) { return blocks_for(rows, rows_per_slice); }

inline Shape slices_shape(std::size_t rows, std::size_t columns) {
  const std::size_t width = std::min<std::size_t>(std::bit_ceil(columns), warp);
  const std::size_t threads = std::bit_ceil(blocks_for(std::min(rows, rows_per_slice), rows_per_thread));
  const std::size_t height = std::min(threads, threads_per_slice / width);
  return {{static_cast<unsigned>(row_slices(rows)), static_cast<unsigned>(blocks_for(columns, width))},
          {static_cast<unsigned>(width), static_cast<unsigned>(height)}};
}

__device__ inline std::size_t slice_column() { return std::size_t{blockIdx.y} * blockDim.x + threadIdx.x; }

/// Rows [first, end) of a thread's slice; it takes every blockDim.y-th.
struct SliceRows {
  std::size_t first, end;
};
__device__ inline SliceRows slice_rows(std::size_t rows) {
  const std::size_t start = blockIdx.x * rows_per_slice, end = start + rows_per_slice;
  return {start + threadIdx.y, end < rows ? end : rows};
}

/// Adds up in pairs what the threads of a column have. For all threads of a block to call.
/// @return the sum, for the first thread of the column
__device__ inline float column_sum(float own) {
  __shared__ float terms[threads_per_slice];
  const unsigned place = threadIdx.y * blockDim.x + threadIdx.x;
  terms[place] = own;
  __syncthreads();
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    if (threadIdx.y < half) terms[place] += terms[place + half * blockDim.x];
    __syncthreads();
  }
  return terms[place];
}

}  // namespace regatta::device::cuda
