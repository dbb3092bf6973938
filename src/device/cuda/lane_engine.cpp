#include "lane_engine.hpp"

#include <algorithm>
#include <cstring>

#include "check.hpp"
#include "handles.hpp"
#include "lanes.hpp"
#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::device::cuda {
namespace {

std::size_t attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, ordinal));
  return static_cast<std::size_t>(value);
}

/// Memory of the host that does not move, which the device reaches under the same address.
void* allocate_pinned(std::size_t bytes) {
  void* block = nullptr;
  if (const cudaError_t status = cudaMallocHost(&block, bytes); status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next launch would find it
    throw OutOfDeviceMemory(concat("the host has no ", bytes, " bytes of memory that a GPU can reach"));
  } else {
    check(status);
  }
  return block;
}

/// A block of such memory that grows; what it held is lost then.
class Pinned {
 public:
  Pinned() = default;
  ~Pinned() { cudaFreeHost(data_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  std::byte* at_least(std::size_t bytes) {
    if (bytes <= bytes_) return static_cast<std::byte*>(data_);
    cudaFreeHost(data_);
    data_ = nullptr;
    bytes_ = 0;
    data_ = allocate_pinned(bytes);
    bytes_ = bytes;
    return static_cast<std::byte*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

class CudaLaneEngine final : public LaneEngine {
 public:
  CudaLaneEngine(int ordinal, cudaStream_t before)
      : device_(ordinal),
        before_(before),
        processors_(attribute(cudaDevAttrMultiProcessorCount, ordinal)),
        threads_(attribute(cudaDevAttrMaxThreadsPerMultiProcessor, ordinal)),
        shared_of_processor_(attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor, ordinal)),
        shared_of_block_(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, ordinal) - fixed_shared) {
    check(cudaEventCreateWithFlags(&ready_, cudaEventDisableTiming));
    allow_lanes(shared_of_block_);
  }
  ~CudaLaneEngine() override {
    device_.use();
    cudaStreamSynchronize(stream_);
    cudaEventDestroy(ready_);
  }

  std::size_t capacity(const Lane& lane) const override {
    if (lane.layer_count == 0 || lane.layer_count > Lane::most_layers || lane.update.count > most_parameters) return 0;
    const std::size_t bytes = plan(lane).size * sizeof(float);
    if (bytes > shared_of_block_) return 0;
    return processors_ *
           std::max<std::size_t>(
               1, std::min(threads_ / lane_threads, shared_of_processor_ / (bytes + fixed_shared + reserved_shared)));
  }

  /// Where the lane's own numbers will lie.
  bool shuffles(const Lane& lane) const override { return lane.rows <= plan(lane).size; }

  float* allocate(std::size_t count) override {
    device_.use();
    return static_cast<float*>(allocate_pinned(count * sizeof(float)));
  }
  void release(float* block) noexcept override {
    device_.use();
    cudaFreeHost(block);
  }

  void start(std::span<const Lane> lanes) override {
    if (lanes.empty()) return;
    device_.use();
    const std::size_t plans = lanes.size() * sizeof(PlannedLane);
    std::size_t rates = 0, shared = 0;
    for (const Lane& lane : lanes) rates += lane.steps;
    const std::size_t bytes = plans + rates * sizeof(float);
    std::byte* staged = staged_.at_least(bytes);
    std::byte* block = block_.at_least(bytes);
    auto* planned = reinterpret_cast<PlannedLane*>(staged);
    auto* rate = reinterpret_cast<float*>(staged + plans);
    const auto* rate_on_device = reinterpret_cast<const float*>(block + plans);
    for (const Lane& lane : lanes) {
      PlannedLane* const own = new (planned++) PlannedLane{lane, plan(lane)};
      std::copy_n(lane.rates, lane.steps, rate);
      own->lane.rates = rate_on_device;
      rate += lane.steps;
      rate_on_device += lane.steps;
      shared = std::max(shared, own->plan.size * sizeof(float));
    }
    require(shared <= shared_of_block_, "a lane needs ", shared, " bytes of shared memory, a block has ", shared_of_block_);
    check(cudaEventRecord(ready_, before_));
    check(cudaStreamWaitEvent(stream_, ready_, 0));
    check(cudaMemcpyAsync(block, staged, bytes, cudaMemcpyHostToDevice, stream_));
    train_lanes(reinterpret_cast<const PlannedLane*>(block), lanes.size(), shared, stream_);
  }

  void wait() override { check(cudaStreamSynchronize(stream_)); }

 private:
  static constexpr std::size_t fixed_shared = 2048;     ///< of the kernel's own [bytes]
  static constexpr std::size_t reserved_shared = 1024;  ///< by CUDA, of each block [bytes]
  static constexpr std::size_t most_parameters = 1u << 20;

  /// With the moments in shared memory if they fit.
  LanePlan plan(const Lane& lane) const {
    const LanePlan inside = plan_lane(lane, true);
    return inside.size * sizeof(float) <= shared_of_block_ ? inside : plan_lane(lane, false);
  }

  Device device_;
  Stream stream_;
  cudaStream_t before_;
  cudaEvent_t ready_ = nullptr;
  std::size_t processors_, threads_, shared_of_processor_, shared_of_block_;
  Pinned staged_;
  Scratch<std::byte> block_{stream_};
};

}  // namespace

std::unique_ptr<LaneEngine> make_lane_engine(int ordinal, cudaStream_t before) {
  return std::make_unique<CudaLaneEngine>(ordinal, before);
}

}  // namespace regatta::device::cuda
