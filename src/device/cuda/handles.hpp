#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cusolverDn.h>

#include <cstddef>
#include <string>

#include "stream.hpp"

// CUDA's handles as objects: made or an exception, given back without one.
namespace regatta::device::cuda {

/// The calling thread's device, which CUDA keeps per thread.
class Device {
 public:
  explicit Device(int ordinal);
  void use() const noexcept { cudaSetDevice(ordinal_); }  // can fail only where the next call fails too

 private:
  int ordinal_;
};

/// Device memory for the work of one stream, which grows when asked for more; what it held is lost then.
class ScratchBytes {
 public:
  explicit ScratchBytes(Stream& stream) : stream_(stream) {}
  ~ScratchBytes();
  ScratchBytes(const ScratchBytes&) = delete;
  ScratchBytes& operator=(const ScratchBytes&) = delete;

  /// At least `bytes`, not zeroed. @throws OutOfDeviceMemory
  void* at_least(std::size_t bytes);

 private:
  Stream& stream_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The same for numbers.
template <class T>
class Scratch {
 public:
  explicit Scratch(Stream& stream) : bytes_(stream) {}

  /// At least `count` numbers, not zeroed. @throws OutOfDeviceMemory
  T* at_least(std::size_t count) { return static_cast<T*>(bytes_.at_least(count * sizeof(T))); }

 private:
  ScratchBytes bytes_;
};

/// cuBLAS on one stream with a workspace of its own, which keeps results reproducible and steps free of allocations.
class Cublas {
 public:
  explicit Cublas(Stream& stream);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  operator cublasHandle_t() const { return handle_; }
  Stream& stream() const { return stream_; }

  Precision precision = Precision::Fp32;  ///< of the products that follow

 private:
  Stream& stream_;
  Scratch<float> workspace_;
  cublasHandle_t handle_ = nullptr;
};

/// cuSOLVER on one stream.
class Cusolver {
 public:
  explicit Cusolver(cudaStream_t stream);
  ~Cusolver();
  Cusolver(const Cusolver&) = delete;
  Cusolver& operator=(const Cusolver&) = delete;

  operator cusolverDnHandle_t() const { return handle_; }

 private:
  cusolverDnHandle_t handle_ = nullptr;
};

/// "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", in the groups of RFC 4122, as nvidia-smi prints it.
std::string uuid_text(const cudaUUID_t& uuid);

/// `bytes` of the current device. @throws OutOfDeviceMemory
void* allocate_bytes(std::size_t bytes);

/// Memory of a device that is taken and given back in the order of a stream's work. What is given back stays with the process, up
/// to a limit, so that trials which come and go do not wait for the driver; a plain release waits for all work on the device.
class StreamMemory {
 public:
  StreamMemory(int ordinal, cudaStream_t stream);

  /// @throws OutOfDeviceMemory
  void* allocate(std::size_t bytes);
  void release(void* block) noexcept;

 private:
  cudaStream_t stream_;
  bool pooled_;
};

}  // namespace regatta::device::cuda
