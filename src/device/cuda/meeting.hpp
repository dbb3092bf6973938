#pragma once

#include <cuda_runtime.h>

// A barrier for some of the blocks of one launch, all of which run at the same time.
namespace regatta::device::cuda {

/// Where some blocks meet; each number in a line of its own, so that those who wait do not slow down those who arrive.
struct Meetings {
  static constexpr unsigned place = 32;  ///< numbers of a line
  static constexpr unsigned size = 2 * place;
};

#ifdef __CUDACC__
/// Returns when `members` blocks have called it as often as this one; they see then what the others have written before.
/// @param place     Meetings::size numbers, 0 before the first call, shared by the blocks
/// @param meetings  the caller's own, 0 before the first call
__device__ inline void meet(unsigned* place, unsigned members, unsigned& meetings) {
  __syncthreads();
  ++meetings;
  if (threadIdx.x == 0 && members > 1) {
    volatile unsigned* opened = place + Meetings::place;
    __threadfence();
    if (atomicAdd(place, 1u) == meetings * members - 1) {
      __threadfence();
      *opened = meetings;
    } else {
      while (*opened < meetings) {
      }
    }
    __threadfence();
  }
  __syncthreads();
}
#endif

}  // namespace regatta::device::cuda
