#include "product_loops.hpp"

namespace regatta::device::loops {

// Tiles for the 16 registers of 4 numbers of any x86-64, small because hardly a machine runs them.
void multiply_portable(const Product& product, std::vector<float>& scratch) {
  multiply_tiles<4, 4, 2>(product, scratch);
}

}  // namespace regatta::device::loops
