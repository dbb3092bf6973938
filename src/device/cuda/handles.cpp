#include "handles.hpp"

#include <cstdint>
#include <cstdio>

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

/// @throws OutOfDeviceMemory
void check_memory(cudaError_t status, std::size_t bytes) {
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next launch would find it
    out_of_memory(bytes);
  }
  check(status);
}

}  // namespace

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
    text += digits;
  }
  return text;
}

void* allocate_bytes(std::size_t bytes) {
  void* block = nullptr;
  check_memory(cudaMalloc(&block, bytes), bytes);
  return block;
}

StreamMemory::StreamMemory(int ordinal, cudaStream_t stream) : stream_(stream) {
  constexpr std::uint64_t kept = std::uint64_t{1} << 30;  // [bytes] of what was given back
  int supported = 0;
  check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, ordinal));
  pooled_ = supported != 0;
  if (!pooled_) return;
  cudaMemPool_t pool = nullptr;
  check(cudaDeviceGetDefaultMemPool(&pool, ordinal));
  std::uint64_t threshold = kept;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
}

void* StreamMemory::allocate(std::size_t bytes) {
  if (!pooled_) return allocate_bytes(bytes);
  void* block = nullptr;
  check_memory(cudaMallocAsync(&block, bytes, stream_), bytes);
  return block;
}

void StreamMemory::release(void* block) noexcept { pooled_ ? cudaFreeAsync(block, stream_) : cudaFree(block); }

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
