#include "product_loops.hpp"

namespace regatta::device::loops {

// Tiles that fill, but do not overflow, the 16 registers of 4 numbers of any x86-64.
void multiply_portable(const Product& product, std::vector<float>& scratch) {
  multiply_tiles<4, 6, 2>(product, scratch);
}

}  // namespace regatta::device::loops
