#include "lane_engine.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "check.hpp"
#include "handles.hpp"
#include "lanes.hpp"
#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"
#include "wide_lanes.hpp"

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
    wide_blocks_ = wide_lane_blocks(processors_);
  }
  ~CudaLaneEngine() override {
    device_.use();
    cudaStreamSynchronize(stream_);
    cudaEventDestroy(ready_);
    for (const auto& [block, count] : sizes_) cudaFreeHost(block);
  }

  std::size_t capacity(const Lane& lane) const override {
    if (is_wide(lane)) return wide_blocks_ / least_wide_blocks;
    if (!is_narrow(lane)) return 0;
    const std::size_t bytes = plan(lane).size * sizeof(float);
    return processors_ * std::max<std::size_t>(
                             1, std::min(threads_ / lane_threads,
                                         shared_of_processor_ / (bytes + fixed_shared + reserved_shared)));
  }

  /// Where the lane's own numbers will lie.
  bool shuffles(const Lane& lane) const override { return !is_wide(lane) && lane.rows <= plan(lane).size; }

  double operations_per_round(const Lane& lane) const override { return is_wide(lane) ? 2e10 : 4e8; }

  float* allocate(std::size_t count) override {
    device_.use();
    if (const auto found = free_.extract(count)) return found.mapped();
    auto* block = static_cast<float*>(allocate_pinned(count * sizeof(float)));
    sizes_[block] = count;
    return block;
  }
  /// Kept for the next trial: the driver takes its time.
  void release(float* block) noexcept override { free_.emplace(sizes_[block], block); }

  void start(std::span<const Lane> lanes) override {
    if (lanes.empty()) return;
    device_.use();
    std::vector<const Lane*> narrow, wide, rounded;
    for (const Lane& lane : lanes)
      (!is_wide(lane) ? narrow : lane.precision == Precision::Fp32 ? wide : rounded).push_back(&lane);
    check(cudaEventRecord(ready_, before_));
    check(cudaStreamWaitEvent(stream_, ready_, 0));
    if (!narrow.empty()) start_narrow(narrow);
    start_wide(wide, true);
    if (!wide.empty() && !rounded.empty()) wait();
    start_wide(rounded, false);
  }

  void wait() override { check(cudaStreamSynchronize(stream_)); }

 private:
  void start_narrow(std::span<const Lane* const> lanes) {
    const std::size_t plans = lanes.size() * sizeof(PlannedLane);
    std::size_t rates = 0, shared = 0;
    for (const Lane* lane : lanes) rates += lane->steps;
    const std::size_t bytes = plans + rates * sizeof(float);
    std::byte* staged = staged_.at_least(bytes);
    std::byte* block = block_.at_least(bytes);
    auto* planned = reinterpret_cast<PlannedLane*>(staged);
    auto* rate = reinterpret_cast<float*>(staged + plans);
    const auto* rate_on_device = reinterpret_cast<const float*>(block + plans);
    for (const Lane* lane : lanes) {
      PlannedLane* const own = new (planned++) PlannedLane{*lane, plan(*lane)};
      std::copy_n(lane->rates, lane->steps, rate);
      own->lane.rates = rate_on_device;
      rate += lane->steps;
      rate_on_device += lane->steps;
      shared = std::max(shared, own->plan.size * sizeof(float));
    }
    require(shared <= shared_of_block_, "a lane needs ", shared, " bytes of shared memory, a block has ",
            shared_of_block_);
    check(cudaMemcpyAsync(block, staged, bytes, cudaMemcpyHostToDevice, stream_));
    train_lanes(reinterpret_cast<const PlannedLane*>(block), lanes.size(), shared, stream_);
  }

  /// As many at a time as the device has blocks for.
  void start_wide(std::span<const Lane* const> lanes, bool exact) {
    for (std::size_t first = 0; first < lanes.size(); first += wide_blocks_) {
      if (first > 0) wait();
      share_blocks(lanes.subspan(first, std::min(wide_blocks_, lanes.size() - first)), exact);
    }
  }

  /// The blocks of the device are divided among these lanes.
  void share_blocks(std::span<const Lane* const> lanes, bool exact) {
    const std::size_t blocks = lanes.size() == 1 ? processors_ : wide_blocks_;
    std::vector<WidePlan> plans;
    std::size_t steps = 0, numbers = 0, useful = 1;
    for (const Lane* lane : lanes) {
      plans.push_back(plan_wide(*lane));
      steps += lane->steps;
      numbers += plans.back().size;
      useful = std::max(useful, useful_blocks(*lane, plans.back()));
    }
    using formulas::UpdateFactors;
    const std::size_t first_factors = lanes.size() * sizeof(PlannedWideLane),
                      first_arrivals = first_factors + steps * sizeof(UpdateFactors);
    const std::size_t bytes = first_arrivals + lanes.size() * sizeof(unsigned);
    std::byte* staged = wide_staged_.at_least(bytes);
    std::byte* block = wide_block_.at_least(bytes);
    float* number = wide_numbers_.at_least(numbers);
    std::size_t step = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const std::size_t factors = first_factors + step * sizeof(UpdateFactors);
      new (staged + i * sizeof(PlannedWideLane)) PlannedWideLane{
          *lanes[i], plans[i], number, reinterpret_cast<const UpdateFactors*>(block + factors),
          reinterpret_cast<unsigned*>(block + first_arrivals) + i};
      factors_of_steps(*lanes[i], staged + factors);
      step += lanes[i]->steps;
      number += plans[i].size;
    }
    std::memset(staged + first_arrivals, 0, bytes - first_arrivals);
    check(cudaMemcpyAsync(block, staged, bytes, cudaMemcpyHostToDevice, stream_));
    train_wide_lanes(reinterpret_cast<const PlannedWideLane*>(block), lanes.size(),
                     std::min(blocks / lanes.size(), useful), exact, stream_);
  }

  static void factors_of_steps(const Lane& lane, std::byte* to) {
    Update update = lane.update;
    for (std::uint32_t step = 0; step < lane.steps;
         ++step, ++update.step, to += sizeof(formulas::UpdateFactors)) {
      update.learning_rate = lane.rates[step];
      new (to) formulas::UpdateFactors(formulas::factors_of(update));
    }
  }

  static constexpr std::size_t fixed_shared = 2048;         ///< of the kernel's own [bytes]
  static constexpr std::size_t reserved_shared = 1024;      ///< by CUDA, of each block [bytes]
  static constexpr std::size_t most_parameters = 1u << 20;  ///< of a lane in the memory of one core
  static constexpr double most_narrow_operations =
      4e6;  ///< of a step, floating-point: beyond it several blocks are faster
  static constexpr std::size_t least_wide_blocks =
      2;  ///< per lane, where there are as many lanes as capacity() says

  bool is_narrow(const Lane& lane) const {
    return lane.layer_count > 0 && lane.layer_count <= Lane::most_layers &&
           lane.update.count <= most_parameters && plan(lane).size * sizeof(float) <= shared_of_block_;
  }
  /// Whether several blocks train it: a single one lacks the memory or takes too long.
  bool is_wide(const Lane& lane) const {
    return fits_wide_lane(lane) && (!is_narrow(lane) || operations_of(lane) > most_narrow_operations);
  }

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
  std::map<float*, std::size_t> sizes_;      ///< of all blocks for results
  std::multimap<std::size_t, float*> free_;  ///< those that nobody has, by size
  std::size_t wide_blocks_ = 0;              ///< that run at once
  Pinned staged_, wide_staged_;
  Scratch<std::byte> block_{stream_}, wide_block_{stream_};
  Scratch<float> wide_numbers_{stream_};
};

}  // namespace

std::unique_ptr<LaneEngine> make_lane_engine(int ordinal, cudaStream_t before) {
  return std::make_unique<CudaLaneEngine>(ordinal, before);
}

}  // namespace regatta::device::cuda
