#include "device/blas.hpp"

// A machine without OpenBLAS.
namespace regatta::device {

const Blas& blas() {
  static const Blas none;
  return none;
}

}  // namespace regatta::device
