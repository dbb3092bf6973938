#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>

// How kernels are started and how their threads find their numbers. Kernels are written so that a host compiler can read
// them too (no <<< >>>): the tests run the same files on the host.
namespace regatta::device::cuda {

constexpr unsigned warp = 32;
constexpr std::size_t most_blocks_y = 65535;  ///< the hardware's limit

struct Shape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< of each block, for shared_numbers()
};

#ifdef __CUDACC__
/// The shared memory that a launch has asked for.
__device__ inline float* shared_numbers() {
  extern __shared__ float4 numbers[];
  return reinterpret_cast<float*>(numbers);
}
#endif

/// Work in flight on `stream`; goes through check().
template <class... Parameters, class... Arguments>
cudaError_t launch(cudaStream_t stream, const Shape& shape, void (*kernel)(Parameters...), const Arguments&... arguments) {
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = shape.grid;
  configuration.blockDim = shape.block;
  configuration.dynamicSmemBytes = shape.shared_bytes;
  configuration.stream = stream;
  return cudaLaunchKernelEx(&configuration, kernel, arguments...);
}

constexpr std::size_t blocks_for(std::size_t count, std::size_t per_block) { return (count + per_block - 1) / per_block; }

constexpr unsigned threads_per_line = 256;
constexpr std::size_t most_line_blocks = 4096;  ///< enough to fill any device; threads take several numbers beyond it

/// For kernels over `count` > 0 numbers that step by line_step().
inline Shape line_shape(std::size_t count) {
  return {static_cast<unsigned>(std::min(blocks_for(count, threads_per_line), most_line_blocks)), threads_per_line};
}
__device__ inline std::size_t line_first() { return std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline std::size_t line_step() { return std::size_t{gridDim.x} * blockDim.x; }

constexpr unsigned tile_rows = 8;

/// For kernels over a matrix that is not empty: a warp walks along a row, so that it reads neighbours. One row per thread,
/// columns step by column_step().
inline Shape matrix_shape(std::size_t rows, std::size_t columns) {
  return {{static_cast<unsigned>(blocks_for(rows, tile_rows)),
           static_cast<unsigned>(std::min(blocks_for(columns, warp), most_blocks_y))},
          {warp, tile_rows}};
}
__device__ inline std::size_t row_of_thread() { return std::size_t{blockIdx.x} * tile_rows + threadIdx.y; }
__device__ inline std::size_t column_first() { return std::size_t{blockIdx.y} * warp + threadIdx.x; }
__device__ inline std::size_t column_step() { return std::size_t{gridDim.y} * warp; }

}  // namespace regatta::device::cuda
