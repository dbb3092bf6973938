#include "regatta/device/large_pages.hpp"

#include <sys/mman.h>

namespace regatta::device {

void prefer_large_pages(void* data, std::size_t bytes) {
  madvise(data, bytes, MADV_HUGEPAGE);  // a wish: whatever the system answers, the memory is as good
}

}  // namespace regatta::device
