#include "lane_bundle_loops.hpp"

namespace regatta::device::loops {

[[gnu::flatten]] void train_bundle_portable(std::span<const Lane* const> lanes, std::vector<float>& scratch) {
  Bundle<4, 3, 4>(lanes, scratch).train();
}

}  // namespace regatta::device::loops
