#include "lane_bundle_loops.hpp"

namespace regatta::device::loops {

// Tiles that fill, but do not overflow, 32 registers of 16 numbers.
[[gnu::target("arch=x86-64-v4"), gnu::flatten]] void train_bundle_avx512(std::span<const Lane* const> lanes,
                                                                         std::vector<float>& scratch) {
  Bundle<16, 6, 4>(lanes, scratch).train();
}

}  // namespace regatta::device::loops
