#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstddef>

// CUDA's handles as objects: made or an exception, given back without one.
namespace regatta::device::cuda {

/// A queue of work that does not wait for the legacy default stream.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// Device memory that grows when asked for more; what it held is lost then.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// At least `count` numbers, not zeroed. @throws OutOfDeviceMemory
  float* at_least(std::size_t count);

 private:
  float* data_ = nullptr;
  std::size_t count_ = 0;
};

/// cuBLAS on one stream with a workspace of its own, which keeps results reproducible and steps free of allocations.
/// Products are in full single precision.
class Cublas {
 public:
  explicit Cublas(cudaStream_t stream);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  operator cublasHandle_t() const { return handle_; }

 private:
  Scratch workspace_;
  cublasHandle_t handle_ = nullptr;
};

/// `bytes` of the current device. @throws OutOfDeviceMemory
void* allocate_bytes(std::size_t bytes);

}  // namespace regatta::device::cuda
