#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include "cublas_v2.h"
#include "cuda_runtime.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

struct HostBlas {
  cudaStream_t stream = nullptr;
};

namespace {

constexpr std::size_t stack_bytes = std::size_t{64} << 10;
constexpr std::size_t pinnable_bytes = std::size_t{64} << 20;
constexpr std::size_t device_bytes = std::size_t{256} << 20;

std::map<void*, std::size_t> blocks;

std::size_t bytes_in_use() {
  std::size_t sum = 0;
  for (const auto& [block, bytes] : blocks) sum += bytes;
  return sum;
}

/// Where some blocks of a cooperative launch meet.
struct Meeting {
  const unsigned* place = nullptr;
  unsigned members = 0;

  bool operator==(const Meeting&) const = default;
};

/// One thread of a block: a coroutine that runs until its next barrier.
struct Thread {
  ucontext_t context{};
  dim3 index;
  std::unique_ptr<char[]> stack = std::make_unique_for_overwrite<char[]>(stack_bytes);
  bool done = false;
  Meeting meeting;  ///< that the barrier is
};

struct Block {
  dim3 index;
  std::vector<Thread> threads;
  std::vector<float> shared;
  bool backwards = false;  ///< order of the threads in the next round
  bool done = false;
  Meeting meeting;  ///< that it waits for
};

ucontext_t scheduler;
Thread* running = nullptr;
Block* running_block = nullptr;
const std::function<void()>* body = nullptr;

void run_body() {
  (*body)();
  running->done = true;
}

void start(Thread& thread, const dim3& index) {
  thread.index = index;
  thread.done = false;
  thread.meeting = {};
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack.get();
  thread.context.uc_stack.ss_size = stack_bytes;
  thread.context.uc_link = &scheduler;
  makecontext(&thread.context, run_body, 0);
}

void start(Block& block, const dim3& index, std::size_t shared_bytes) {
  block.index = index;
  block.threads.resize(std::size_t{blockDim.x} * blockDim.y * blockDim.z);
  block.shared.assign(shared_bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
  block.backwards = index.x % 2 == 1;
  block.done = false;
  block.meeting = {};
  for (std::size_t i = 0; i < block.threads.size(); ++i) {
    const auto place = static_cast<unsigned>(i);
    start(block.threads[i], dim3(place % blockDim.x, place / blockDim.x % blockDim.y, place / blockDim.x / blockDim.y));
  }
}

void resume(Thread& thread) {
  running = &thread;
  threadIdx = thread.index;
  swapcontext(&scheduler, &thread.context);
}

/// All threads from one barrier to the next, in either order, to show threads that do not wait for others.
void run_round(Block& block) {
  std::vector<Thread>& threads = block.threads;
  std::size_t ended = 0;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    Thread& thread = threads[block.backwards ? threads.size() - 1 - i : i];
    thread.meeting = {};
    resume(thread);
    ended += thread.done;
  }
  block.backwards = !block.backwards;
  block.done = ended == threads.size();
  block.meeting = threads[0].meeting;
  if (ended > 0 && !block.done) throw std::logic_error("some threads of a block have ended, others wait at a barrier");
  if (!std::ranges::all_of(threads, [&](const Thread& thread) { return thread.meeting == block.meeting; }))
    throw std::logic_error("threads of a block wait at different barriers");
}

/// Until it has ended or waits for other blocks.
void run(Block& block) {
  running_block = &block;
  blockIdx = block.index;
  do run_round(block);
  while (!block.done && !block.meeting.place);
}

/// Lets the blocks go on that have all met.
void end_meetings(std::vector<Block>& all) {
  bool ended = false;
  for (Block& block : all) {
    const Meeting meeting = block.meeting;
    const auto waits = [&](const Block& other) { return !other.done && other.meeting == meeting; };
    if (!meeting.place || std::ranges::count_if(all, waits) != std::ptrdiff_t{meeting.members}) continue;
    for (Block& other : all)
      if (other.meeting == meeting) other.meeting = {};
    ended = true;
  }
  if (!ended) throw std::logic_error("blocks wait for others that do not come");
}

/// All blocks run at the same time.
void run_together(std::vector<Block>& all) {
  for (;;) {
    for (Block& block : all)
      if (!block.done && !block.meeting.place) run(block);
    if (std::ranges::all_of(all, [](const Block& block) { return block.done; })) return;
    end_meetings(all);
  }
}

}  // namespace

float* regatta::device::cuda::shared_numbers() { return running_block->shared.data(); }

void __syncthreads() { swapcontext(&running->context, &scheduler); }

void regatta::device::cuda::meet(unsigned* arrivals, unsigned members, unsigned& meetings) {
  ++meetings;
  if (members > 1) running->meeting = {arrivals, members};
  __syncthreads();
}

void run_grid(const dim3& grid, const dim3& block, std::size_t shared_bytes, bool cooperative,
              const std::function<void()>& thread) {
  gridDim = grid;
  blockDim = block;
  body = &thread;
  static std::vector<Block> blocks;  // keep their threads' stacks
  blocks.resize(std::max(blocks.size(), cooperative ? std::size_t{gridDim.x} * gridDim.y * gridDim.z : 1));
  std::size_t started = 0;
  for (unsigned z = 0; z < gridDim.z; ++z)
    for (unsigned y = 0; y < gridDim.y; ++y)
      for (unsigned x = 0; x < gridDim.x; ++x) {
        Block& next = blocks[cooperative ? started++ : 0];
        start(next, dim3(x, y, z), shared_bytes);
        if (!cooperative) run(next);
      }
  blocks.resize(std::max<std::size_t>(started, 1));
  if (cooperative) run_together(blocks);
}

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorInvalidConfiguration ? "invalid configuration argument" : "an error of the pretended device";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 12040, cudaSuccess; }
cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  std::strcpy(properties->name, "Pretended device");
  for (std::size_t i = 0; i < 16; ++i) properties->uuid.bytes[i] = static_cast<char>(0x11 * i);
  properties->totalGlobalMem = device_bytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  if (const cudaError_t error = outside_of_captures(); error != cudaSuccess) return error;
  if (bytes > device_bytes - bytes_in_use()) return cudaErrorMemoryAllocation;
  constexpr std::size_t alignment = 256;
  *block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  std::memset(*block, 0xff, bytes);
  blocks[*block] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* block) {
  if (const cudaError_t error = outside_of_captures(); error != cudaSuccess) return error;
  if (block && blocks.erase(block) == 0) return cudaErrorInvalidValue;
  std::free(block);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) { return *pool = nullptr, cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMallocAsync(void** block, std::size_t bytes, cudaStream_t) { return cudaMalloc(block, bytes); }
cudaError_t cudaFreeAsync(void* block, cudaStream_t) { return cudaFree(block); }
cudaError_t cudaMallocHost(void** block, std::size_t bytes) { return *block = std::malloc(bytes), cudaSuccess; }
cudaError_t cudaFreeHost(void* block) { return std::free(block), cudaSuccess; }
cudaError_t cudaHostRegister(void*, std::size_t bytes, unsigned) {
  return bytes > pinnable_bytes ? cudaErrorMemoryAllocation : cudaSuccess;
}
cudaError_t cudaHostUnregister(void*) { return cudaSuccess; }

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  const std::map<cudaDeviceAttr, int> values = {{cudaDevAttrMultiProcessorCount, 4},
                                                {cudaDevAttrMaxThreadsPerMultiProcessor, 2048},
                                                {cudaDevAttrMaxSharedMemoryPerMultiprocessor, 228 << 10},
                                                {cudaDevAttrMaxSharedMemoryPerBlockOptin, 227 << 10},
                                                {cudaDevAttrMemoryPoolsSupported, 1}};
  *value = values.at(attribute);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return *event = nullptr, cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = device_bytes;
  *free = device_bytes - bytes_in_use();
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* block, int value, std::size_t bytes, cudaStream_t stream) {
  put_on(stream, [=] { std::memset(block, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  if (bytes > 0) put_on(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind, cudaStream_t) {
  if (to_pitch < width || from_pitch < width) return cudaErrorInvalidValue;
  for (std::size_t row = 0; row < height; ++row)
    std::memcpy(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
  return cudaSuccess;
}

const char* cublasGetStatusString(cublasStatus_t) { return "an error of the pretended cuBLAS"; }
cublasStatus_t cublasCreate(cublasHandle_t* handle) { return *handle = new HostBlas, CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasDestroy(cublasHandle_t handle) { return delete handle, CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  return handle->stream = stream, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void*, std::size_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }

namespace {

float exact(float number) { return number; }

/// To the nearest number with 7 bits of mantissa, ties to even.
float bf16(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

/// C = alpha op(A) op(B) + beta C of rounded factors.
cublasStatus_t multiply(cublasHandle_t handle, cublasOperation_t a_operation, cublasOperation_t b_operation, std::int64_t m,
                        std::int64_t n, std::int64_t k, float alpha, const float* a, std::int64_t a_leading, const float* b,
                        std::int64_t b_leading, float beta, float* c, std::int64_t c_leading, float (*rounded)(float)) {
  const bool a_turned = a_operation == CUBLAS_OP_T, b_turned = b_operation == CUBLAS_OP_T;
  if (a_leading < (a_turned ? k : m) || b_leading < (b_turned ? n : k) || c_leading < m)
    return CUBLAS_STATUS_INVALID_VALUE;
  put_on(handle->stream, [=] {
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t i = 0; i < m; ++i) {
        float sum = 0;
        for (std::int64_t l = 0; l < k; ++l)
          sum += rounded(a[a_turned ? l + i * a_leading : i + l * a_leading]) *
                 rounded(b[b_turned ? j + l * b_leading : l + j * b_leading]);
        float& out = c[i + j * c_leading];
        out = alpha * sum + (beta == 0 ? 0.0f : beta * out);
      }
  });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

cublasStatus_t cublasSgemm_64(cublasHandle_t handle, cublasOperation_t a_operation, cublasOperation_t b_operation,
                              std::int64_t m, std::int64_t n, std::int64_t k, const float* alpha, const float* a,
                              std::int64_t a_leading, const float* b, std::int64_t b_leading, const float* beta, float* c,
                              std::int64_t c_leading) {
  return multiply(handle, a_operation, b_operation, m, n, k, *alpha, a, a_leading, b, b_leading, *beta, c, c_leading, exact);
}

cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t a_operation, cublasOperation_t b_operation,
                               std::int64_t m, std::int64_t n, std::int64_t k, const void* alpha, const void* a, cudaDataType_t,
                               std::int64_t a_leading, const void* b, cudaDataType_t, std::int64_t b_leading,
                               const void* beta, void* c, cudaDataType_t, std::int64_t c_leading, cublasComputeType_t,
                               cublasGemmAlgo_t) {
  return multiply(handle, a_operation, b_operation, m, n, k, *static_cast<const float*>(alpha), static_cast<const float*>(a),
                  a_leading, static_cast<const float*>(b), b_leading, *static_cast<const float*>(beta),
                  static_cast<float*>(c), c_leading, bf16);
}
