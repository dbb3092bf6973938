#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <tuple>
#include <utility>

// The part of the CUDA runtime that the CUDA backend uses, played by the host, so that its kernels, their launches and the
// calls around them are tested on machines without a GPU. Blocks run one after another, or those of a cooperative launch
// from meeting to meeting, the threads of a block in turns from barrier to barrier; work is done when the call returns, or when the graph is launched that a stream captures it for.
// Memory of the "device" is fresh memory of the host, filled with not-a-numbers. Names and values are CUDA's.

#define __global__
#define __device__
#define __shared__ static  // of the one block that runs

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

#define __launch_bounds__(...)

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();

namespace regatta::device::cuda {
/// The shared memory that the running launch has asked for; not-a-numbers when a block starts.
float* shared_numbers();
/// Blocks that wait here for others which do not come end in an error.
void meet(unsigned* arrivals, unsigned members, unsigned& meetings);
}  // namespace regatta::device::cuda

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorInvalidDevice = 101,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901
};
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrMaxThreadsPerMultiProcessor = 39,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
  cudaDevAttrMemoryPoolsSupported = 115
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

using cudaStream_t = struct HostStream*;
using cudaEvent_t = struct HostEvent*;

struct cudaUUID_t {
  std::array<char, 16> bytes;
};

struct cudaDeviceProp {
  char name[256];
  cudaUUID_t uuid;
  std::size_t totalGlobalMem;
};

enum cudaLaunchAttributeID { cudaLaunchAttributeCooperative = 2 };
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    int cooperative;
  } val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaMalloc(void** block, std::size_t bytes);
cudaError_t cudaFree(void* block);
using cudaMemPool_t = struct HostPool*;
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);
cudaError_t cudaMallocAsync(void** block, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaFreeAsync(void* block, cudaStream_t stream);
cudaError_t cudaMallocHost(void** block, std::size_t bytes);
cudaError_t cudaFreeHost(void* block);
constexpr unsigned cudaHostRegisterDefault = 0;
/// Refuses blocks of more than 64 MiB, as a system that limits locked memory.
cudaError_t cudaHostRegister(void* block, std::size_t bytes, unsigned flags);
cudaError_t cudaHostUnregister(void* block);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMemsetAsync(void* block, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
/// `height` rows of `width` bytes, which lie `to_pitch` and `from_pitch` bytes apart.
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);

using cudaGraph_t = struct HostGraph*;
using cudaGraphExec_t = struct HostGraphExec*;
using cudaGraphNode_t = struct HostGraphNode*;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone = 0, cudaStreamCaptureStatusActive = 1 };
struct cudaGraphEdgeData {};

struct cudaKernelNodeParams {
  void* func;
  dim3 gridDim, blockDim;
  unsigned sharedMemBytes;
  void** kernelParams;
  void** extra;
};

/// While a stream captures, memory cannot change and nobody can wait: to try ends in an error and spoils the capture.
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                     cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                                     const cudaGraphEdgeData** edges, std::size_t* count);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* call);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);

// Beyond CUDA: what the functions above are made of, and what tests ask.

/// What was done with graphs so far.
struct HostGraphCounts {
  int instantiated = 0, patched = 0, launched = 0;
};
extern HostGraphCounts host_graph_counts;

/// Does `work` now, or adds it to the graph that `stream` captures.
void put_on(cudaStream_t stream, const std::function<void()>& work);

/// Ends in an error and spoils the capture where one is in progress.
cudaError_t outside_of_captures();

/// A kernel with copies of the arguments at these places, for all threads to call.
using HostKernel = std::function<std::function<void()>(void** arguments)>;
cudaError_t launch_on_host(const cudaLaunchConfig_t& configuration, const void* name, const HostKernel& kernel,
                           void** arguments);

/// Runs `thread` for every thread of every block.
/// @param cooperative  blocks may meet; they have no static shared memory of their own
void run_grid(const dim3& grid, const dim3& block, std::size_t shared_bytes, bool cooperative,
              const std::function<void()>& thread);

template <class... Parameters, std::size_t... index>
std::function<void()> bound_kernel(void (*kernel)(Parameters...), void** arguments, std::index_sequence<index...>) {
  return [kernel, values = std::tuple<Parameters...>(*static_cast<Parameters*>(arguments[index])...)] {
    std::apply(kernel, values);
  };
}

template <class... Parameters>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* configuration, void (*kernel)(Parameters...),
                               Parameters... arguments) {
  void* places[] = {&arguments...};
  const HostKernel bind = [kernel](void** values) {
    return bound_kernel(kernel, values, std::index_sequence_for<Parameters...>());
  };
  return launch_on_host(*configuration, reinterpret_cast<const void*>(kernel), bind, places);
}

template <class... Parameters>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*)(Parameters...), int, std::size_t) {
  return *blocks = 2, cudaSuccess;
}

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*)(Parameters...), cudaFuncAttribute, int) {
  return cudaSuccess;
}
