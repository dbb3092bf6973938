#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <type_traits>

#include "alignment.hpp"
#include "launch.hpp"
#include "regatta/core/error.hpp"

// How most kernels walk over a matrix: a thread has one number. Neighbouring threads have neighbouring numbers, along a line (a
// row of a matrix, of pixels or of a window) and from line to line, so that short lines fill warps too.
namespace regatta::device::cuda {

/// For a matrix that is not empty. @throws SystemFailure for 2^31 lines or more
inline Shape lines_shape(std::size_t lines, std::size_t numbers) {
  if (lines > std::numeric_limits<std::int32_t>::max()) throw SystemFailure("a batch has too many rows for the GPU's kernels");
  const std::size_t blocks = blocks_for(numbers, threads_per_line), width = blocks_for(numbers, blocks);
  const std::size_t height = std::min(threads_per_line / width, lines);
  return {{static_cast<unsigned>(blocks_for(lines, height)), static_cast<unsigned>(blocks)},
          {static_cast<unsigned>(width), static_cast<unsigned>(height)}};
}
__device__ inline std::uint32_t line_of_thread() { return blockIdx.x * blockDim.y + threadIdx.y; }
__device__ inline std::uint32_t number_in_line() { return blockIdx.y * blockDim.x + threadIdx.x; }
/// From a thread's line to its next one, where a launch has fewer of them than the matrix.
__device__ inline std::uint32_t lines_at_once() { return gridDim.x * blockDim.y; }

/// Neighbouring numbers that are moved at once; they lie at a multiple of their size.
template <unsigned width>
struct alignas(width * sizeof(float)) Numbers {
  float at[width];

  static __device__ Numbers& of(float* numbers) { return *reinterpret_cast<Numbers*>(numbers); }
  static __device__ const Numbers& of(const float* numbers) { return *reinterpret_cast<const Numbers*>(numbers); }
};

/// Calls work(constant) with 4 where matrices of so many columns are made of Numbers<4>, else with 1.
template <class Work>
auto with_width(std::size_t columns, std::initializer_list<const float*> blocks, const Work& work) {
  if (columns % 4 == 0 && are_aligned(blocks)) return work(std::integral_constant<unsigned, 4>());
  return work(std::integral_constant<unsigned, 1>());
}

}  // namespace regatta::device::cuda
