#include "product_loops.hpp"

namespace regatta::device::loops {

// Tiles that fill, but do not overflow, 16 registers of 8 numbers.
[[gnu::target("arch=x86-64-v3")]] void multiply_avx2(const Product& product, std::vector<float>& scratch) {
  multiply_tiles<8, 6, 2>(product, scratch);
}

}  // namespace regatta::device::loops
