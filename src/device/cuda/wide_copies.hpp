#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "launch.hpp"

// How the factors of a product come from the memory of the device to the shared memory of a block, a chunk of
// the depth at a time, while it adds up others.
namespace regatta::device::cuda {

constexpr unsigned wide_threads = 256;  ///< of a block
constexpr unsigned chunk_depth = 16;    ///< of a product, carried at a time

/// One factor of a product: lines of neighbouring numbers. What lies beyond the product may be anything.
struct Factor {
  const float* numbers;
  std::uint32_t stride;                 ///< between lines
  std::uint32_t lines, length;          ///< at least 1
  const std::int32_t* order = nullptr;  ///< which lines; null: 0, 1, ...

  /// Whether lines are made of whole float4.
  __device__ bool in_fours() const {
    return stride % 4 == 0 && length % 4 == 0 &&
           reinterpret_cast<std::uintptr_t>(numbers) % sizeof(float4) == 0;
  }
  /// Or the last line, beyond it.
  __device__ const float* line(std::uint32_t i) const {
    const std::uint32_t there = std::min(i, lines - 1);
    return numbers +
           static_cast<std::size_t>(order ? order[there] : static_cast<std::int32_t>(there)) * stride;
  }
};

/// Where the numbers of `count` rows or columns at the steps of one chunk lie in shared memory: as their
/// factor has them, with gaps, so that the threads of a warp read from different banks.
/// @tparam along_depth  whether the factor's lines lie along the depth
template <bool along_depth, unsigned count>
struct Stage {
  static constexpr unsigned across = along_depth ? chunk_depth : count;  ///< numbers of a line
  static constexpr unsigned pitch = along_depth ? chunk_depth + 4 : count + 8;
  static constexpr unsigned lines = along_depth ? count : chunk_depth;

  static constexpr unsigned at(unsigned place, unsigned depth) {
    return along_depth ? place * pitch + depth : depth * pitch + place;
  }
};

/// Starts to copy `count` numbers to shared memory, of which those are 0 that are not `there`.
/// @tparam again  whether the block reads them more than once: they are kept beside its shared memory
template <unsigned count, bool again = count == 1>
__device__ inline void copy_later(float* to, const float* from, unsigned there) {
  static_assert(count == 4 || (count == 1 && again));
#ifdef __CUDACC__
  const auto place = static_cast<unsigned>(__cvta_generic_to_shared(to));
  if constexpr (!again)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(4 * there)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(place), "l"(from), "n"(4 * count), "r"(4 * there)
                 : "memory");
#else
  for (unsigned i = 0; i < count; ++i) to[i] = i < there ? from[i] : 0.0f;
#endif
}
/// What was started since the call before is one group.
__device__ inline void end_group() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// For the thread's own copies, but for the latest groups.
template <unsigned latest>
__device__ inline void wait_for_copies() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(latest) : "memory");
#endif
}

/// Carries the numbers of one chunk from memory to a stage.
/// @tparam fours  whether all factors are in_fours()
template <bool along_depth, bool fours, unsigned count, unsigned threads>
class Carrier {
  using Place = Stage<along_depth, count>;
  static constexpr unsigned each = chunk_depth * count / 4 / threads, across = Place::across / 4;
  static_assert(each > 0);

 public:
  /// @param first  row or column
  __device__ Carrier(const Factor& factor, std::uint32_t first, unsigned thread)
      : factor_(factor), first_(first), thread_(thread) {
    if constexpr (along_depth)
      for (unsigned i = 0; i < each; ++i) lines_[i] = factor.line(first + line(i));
  }

  /// @param left  steps of the depth from there on; those beyond are 0
  __device__ void start(float* stage, std::uint32_t depth, std::int32_t left) const {
    for (unsigned i = 0; i < each; ++i) {
      float* to = stage + line(i) * Place::pitch + place(i);
      const auto first = static_cast<std::int32_t>(along_depth ? place(i) : line(i));
      const int there = along_depth ? std::clamp(left - first, 0, 4) : first < left ? 4 : 0;
      if constexpr (along_depth)
        copy(to, lines_[i], depth + place(i), static_cast<unsigned>(there));
      else
        copy(to, factor_.line(depth + line(i)), first_ + place(i), static_cast<unsigned>(there));
    }
  }

 private:
  __device__ unsigned line(unsigned i) const { return (thread_ + i * threads) / across; }
  __device__ unsigned place(unsigned i) const { return 4 * ((thread_ + i * threads) % across); }
  /// Four numbers; beyond the line, its end.
  __device__ void copy(float* to, const float* line, std::uint32_t first, unsigned there) const {
    if constexpr (fours)
      copy_later<4>(to, line + std::min(first, factor_.length - 4), there);
    else
      for (unsigned i = 0; i < 4; ++i)
        copy_later<1>(to + i, line + std::min(first + i, factor_.length - 1), i < there ? 1 : 0);
  }

  Factor factor_;
  std::uint32_t first_;
  unsigned thread_;
  const float* lines_[along_depth ? each : 1];
};

}  // namespace regatta::device::cuda
