#pragma once

#include <cuda_runtime.h>

// A barrier for some of the blocks of one launch, all of which run at the same time.
namespace regatta::device::cuda {

#ifdef __CUDACC__
/// Returns when `members` blocks have called it as often as this one; they see then what the others have written before.
/// @param arrivals  0 before the first call, shared by the blocks
/// @param meetings  the caller's own, 0 before the first call
__device__ inline void meet(unsigned* arrivals, unsigned members, unsigned& meetings) {
  __syncthreads();
  ++meetings;
  if (threadIdx.x == 0 && members > 1) {
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(arrivals) : "memory");
    unsigned arrived = 0;
    while (arrived < meetings * members)
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(arrived) : "l"(arrivals) : "memory");
  }
  __syncthreads();
}
#endif

}  // namespace regatta::device::cuda
