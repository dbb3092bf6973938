#include "regatta/core/memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace regatta {
namespace {

/// Memory that can be taken without swapping [bytes]; infinite where the system does not tell.
double available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    double kilobytes = 0;
    if (!(file >> kilobytes)) break;
    if (name == "MemAvailable:") return kilobytes * 1024;
    std::getline(file, unit);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace

bool fits_memory(std::size_t bytes) {
  constexpr std::size_t large = std::size_t{64} << 20;
  return bytes < large || static_cast<double>(bytes) < available_memory();
}

}  // namespace regatta
