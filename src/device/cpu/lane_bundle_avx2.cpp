#include "lane_bundle_loops.hpp"

namespace regatta::device::loops {

// Tiles that fill, but do not overflow, 16 registers of 8 numbers.
[[gnu::target("arch=x86-64-v3"), gnu::flatten]] void train_bundle_avx2(std::span<const Lane* const> lanes,
                                                                       std::vector<float>& scratch) {
  Bundle<8, 3, 4>(lanes, scratch).train();
}

}  // namespace regatta::device::loops
