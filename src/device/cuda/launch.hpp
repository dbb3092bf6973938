#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "stream.hpp"

// How kernels are started and how their threads find their numbers. Kernels are written so that a host compiler can read
// them too (no <<< >>>): the tests run the same files on the host.
namespace regatta::device::cuda {

/// Before a loop: `count` rounds of it in a row, and 1 where short code is fetched sooner than it would be saved branches.
#ifdef __CUDACC__
#define REGATTA_UNROLL(count) _Pragma(REGATTA_TEXT(unroll count))
#define REGATTA_TEXT(words) #words
#else
#define REGATTA_UNROLL(count)
#endif

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

/// Bytes between the members of `value`, which belong to none of them, become 0 where the compiler can do that; elsewhere
/// arguments that are alike may seem to differ, and are handed over once more.
template <class T>
void clear_padding(T& value) {
  if constexpr (requires { __builtin_clear_padding(&value); }) __builtin_clear_padding(&value);
}

/// A kernel with its arguments, for Stream::run.
template <class... Parameters>
class KernelCall {
  static constexpr std::size_t place_size = 8;  ///< arguments start at multiples of it
  static_assert(((std::is_trivially_copyable_v<Parameters> && alignof(Parameters) <= place_size) && ...));
  static constexpr std::size_t room_of(std::size_t bytes) { return (bytes + place_size - 1) / place_size * place_size; }

 public:
  static constexpr std::size_t same_size = sizeof(void*) + sizeof(Shape);

  KernelCall(const Shape& shape, void (*kernel)(Parameters...), Parameters... arguments) : kernel_(kernel), shape_(shape) {
    std::byte* next = bytes_.data();
    const auto keep = [&next](auto& argument) {
      clear_padding(argument);
      std::memcpy(next, &argument, sizeof argument);
      next += room_of(sizeof argument);
    };
    (keep(arguments), ...);
  }

  cudaError_t make(cudaStream_t stream) const { return launch(stream, std::index_sequence_for<Parameters...>()); }

  cudaError_t patch(cudaGraphExec_t graph, cudaGraphNode_t node) const {
    std::array<void*, sizeof...(Parameters)> arguments = places();
    cudaKernelNodeParams call{};
    call.func = reinterpret_cast<void*>(kernel_);
    call.gridDim = shape_.grid;
    call.blockDim = shape_.block;
    call.sharedMemBytes = static_cast<unsigned>(shape_.shared_bytes);
    call.kernelParams = arguments.data();
    return cudaGraphExecKernelNodeSetParams(graph, node, &call);
  }

 private:
  /// Where the arguments lie. CUDA asks for pointers to what it does not change.
  std::array<void*, sizeof...(Parameters)> places() const {
    auto* next = const_cast<std::byte*>(bytes_.data());
    const auto place = [&next](std::size_t size) { return std::exchange(next, next + room_of(size)); };
    return {place(sizeof(Parameters))...};
  }

  template <std::size_t... index>
  cudaError_t launch(cudaStream_t stream, std::index_sequence<index...>) const {
    cudaLaunchConfig_t configuration{};
    configuration.gridDim = shape_.grid;
    configuration.blockDim = shape_.block;
    configuration.dynamicSmemBytes = shape_.shared_bytes;
    configuration.stream = stream;
    const auto arguments = places();
    return cudaLaunchKernelEx(&configuration, kernel_, *static_cast<const Parameters*>(arguments[index])...);
  }

  void (*kernel_)(Parameters...);
  Shape shape_;
  alignas(place_size) std::array<std::byte, (room_of(sizeof(Parameters)) + ...)> bytes_{};
};

/// Work in flight on `stream`; goes through check().
template <class... Parameters, class... Arguments>
cudaError_t launch(Stream& stream, const Shape& shape, void (*kernel)(Parameters...), const Arguments&... arguments) {
  return stream.run(KernelCall<Parameters...>(shape, kernel, arguments...));
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
