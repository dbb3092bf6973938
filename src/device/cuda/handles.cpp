#include "handles.hpp"

#include "check.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::device::cuda {
namespace {

constexpr std::size_t workspace_bytes = std::size_t{32} << 20;  // what NVIDIA advises for compute capability 9

[[noreturn]] void out_of_memory(std::size_t bytes) {
  std::size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  throw OutOfDeviceMemory(concat("no GPU memory for a block of ", format_bytes(static_cast<double>(bytes)), ": ",
                                 format_bytes(static_cast<double>(free)), " of ",
                                 format_bytes(static_cast<double>(total)), " are free"));
}

}  // namespace

void* allocate_bytes(std::size_t bytes) {
  void* block = nullptr;
  const cudaError_t status = cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next launch would find it
    out_of_memory(bytes);
  }
  check(status);
  return block;
}

Device::Device(int ordinal) : ordinal_(ordinal) { check(cudaSetDevice(ordinal)); }

ScratchBytes::~ScratchBytes() { cudaFree(data_); }

void* ScratchBytes::at_least(std::size_t bytes) {
  if (bytes <= bytes_) return data_;
  stream_.settle();
  cudaFree(data_);  // waits until the device has finished with it
  data_ = nullptr;
  bytes_ = 0;
  data_ = allocate_bytes(bytes);
  bytes_ = bytes;
  return data_;
}

Cublas::Cublas(Stream& stream) : stream_(stream), workspace_(stream) {
  float* workspace = workspace_.at_least(workspace_bytes / sizeof(float));
  check(cublasCreate(&handle_));
  try {
    check(cublasSetStream(handle_, stream));
    check(cublasSetWorkspace(handle_, workspace, workspace_bytes));  // after the stream, which would reset it
    check(cublasSetMathMode(handle_, CUBLAS_DEFAULT_MATH));          // no TF32 for single precision
  } catch (...) {
    cublasDestroy(handle_);
    throw;
  }
}

Cublas::~Cublas() { cublasDestroy(handle_); }

Cusolver::Cusolver(cudaStream_t stream) {
  check(cusolverDnCreate(&handle_));
  try {
    check(cusolverDnSetStream(handle_, stream));
  } catch (...) {
    cusolverDnDestroy(handle_);
    throw;
  }
}

Cusolver::~Cusolver() { cusolverDnDestroy(handle_); }

}  // namespace regatta::device::cuda
