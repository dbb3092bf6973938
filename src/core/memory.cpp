#include "regatta/core/memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace regatta {
namespace {

/// What the system tells under this name [bytes]; infinite where it does not.
double memory_named(const char* wanted) {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    double kilobytes = 0;
    if (!(file >> kilobytes)) break;
    if (name == wanted) return kilobytes * 1024;
    std::getline(file, unit);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace

bool fits_memory(std::size_t bytes) {
  constexpr std::size_t large = std::size_t{64} << 20;
  return bytes < large || static_cast<double>(bytes) < memory_named("MemAvailable:");
}

double installed_memory() { return memory_named("MemTotal:"); }

}  // namespace regatta
