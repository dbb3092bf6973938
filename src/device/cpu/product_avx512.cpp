#include "product_loops.hpp"

namespace regatta::device::loops {

// Tiles that fill, but do not overflow, 32 registers of 16 numbers.
[[gnu::target("arch=x86-64-v4")]] void multiply_avx512(const Product& product, std::vector<float>& scratch) {
  multiply_tiles<16, 8, 2>(product, scratch);
}

}  // namespace regatta::device::loops
