#pragma once

#include <functional>

#include "cuda_on_host/cuda_runtime.h"

/// What tests tell the library fake_nccl, which plays NCCL for threads of one process: it adds up in the
/// order of the ranks.
struct FakeNccl {
  void (*put_on)(cudaStream_t stream,
                 const std::function<void()>& work) = nullptr;  ///< of the pretended device
  void (*before_waiting)() = nullptr;                           ///< for other threads, and after it
  void (*after_waiting)() = nullptr;
  int refused_rank = -1;  ///< that cannot join teams
  int sums = 0;           ///< that were started
  int scattered = 0, gathered = 0;  ///< likewise: sums of slices, and slices for all
};
extern "C" FakeNccl* fake_nccl();
