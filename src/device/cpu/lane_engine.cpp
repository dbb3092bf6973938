#include "lane_engine.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "lane_bundle.hpp"
#include "regatta/device/host_lanes.hpp"
#include "vectors.hpp"

namespace regatta::device {
namespace {

constexpr BundleLoops all_loops[] = {
    {16, loops::train_bundle_avx512}, {8, loops::train_bundle_avx2}, {4, loops::train_bundle_portable}};

std::uint32_t outputs_of(const Lane& lane) { return lane.layers[lane.layer_count - 1].units; }

/// What lanes of one bundle have alike.
auto kind_of(const Lane& lane) {
  return std::tuple(lane.inputs, lane.layer_count, outputs_of(lane), lane.batch, lane.loss,
                    lane.targets.labels != nullptr);
}

/// Those of a kind lie together, and among them those of a width, because narrow ones are filled up.
auto place_of(const Lane* lane) {
  std::uint32_t units = 0;
  for (std::size_t l = 0; l < lane->layer_count; ++l) units += lane->layers[l].units;
  return std::pair(kind_of(*lane), units);
}

class CpuLaneEngine final : public LaneEngine {
 public:
  std::size_t capacity(const Lane& lane) const override { return gains_in_lanes(lane) ? comfortable : 0; }
  bool shuffles(const Lane&) const override { return false; }
  double operations_per_round(const Lane&) const override { return 2e7; }

  float* allocate(std::size_t count) override { return new float[count](); }
  void release(float* block) noexcept override { delete[] block; }

  void start(std::span<const Lane> lanes) override {
    std::vector<const Lane*> sorted;
    for (const Lane& lane : lanes) sorted.push_back(&lane);
    std::ranges::stable_sort(sorted, {}, place_of);
    const BundleLoops& loops = bundle_loops().front();
    for (std::size_t first = 0, end = 0; first < sorted.size(); first = end) {
      while (end < sorted.size() && end - first < loops.lanes &&
             kind_of(*sorted[first]) == kind_of(*sorted[end]))
        ++end;
      loops.train(std::span(sorted).subspan(first, end - first), scratch_);
    }
  }
  void wait() override {}

 private:
  static constexpr std::size_t comfortable = 1024;  ///< only their memory limits them

  std::vector<float> scratch_;
};

}  // namespace

std::span<const BundleLoops> bundle_loops() { return std::span(all_loops).subspan(best_instructions()); }

std::size_t lanes_of_vector() { return bundle_loops().front().lanes; }

/// Wide layers fill vectors by themselves.
bool gains_in_lanes(const Lane& lane) {
  constexpr std::uint32_t most_units = 16, most_inputs = 64;
  const auto layers = std::span(lane.layers).first(lane.layer_count);
  return lane.layer_count > 0 && lane.inputs <= most_inputs &&
         std::ranges::all_of(layers, [](const Lane::Layer& layer) { return layer.units <= most_units; });
}

std::unique_ptr<LaneEngine> make_cpu_lane_engine() { return std::make_unique<CpuLaneEngine>(); }

}  // namespace regatta::device
