#include "regatta/process/descriptor.hpp"

#include <unistd.h>

namespace regatta::process {

void Descriptor::close() noexcept {
  if (open()) ::close(number_);
  number_ = -1;
}

}  // namespace regatta::process
