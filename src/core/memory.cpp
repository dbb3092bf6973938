#include "regatta/core/memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "regatta/core/text.hpp"

namespace regatta {
namespace {

using std::filesystem::path;

constexpr double infinite = std::numeric_limits<double>::infinity();

/// What stands behind this name in a file of names and numbers; `otherwise` where nothing does.
double number_named(const path& file, const std::string& wanted, double otherwise) {
  std::ifstream lines(file);
  for (std::string name, rest; lines >> name; std::getline(lines, rest)) {
    double number = 0;
    if (name == wanted && lines >> number) return number;
  }
  return otherwise;
}

/// The number that a file consists of; infinite without one ("max", or no such file).
double number_in(const path& file) {
  std::ifstream text(file);
  double number = 0;
  return text >> number ? number : infinite;
}

/// What the files of a version of control groups are called.
struct Names {
  const char *limit, *usage, *reclaimable;
};
constexpr Names version_1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Names version_2{"memory.max", "memory.current", "inactive_file"};

/// Lowers `memory` to what the group at `folder` has, whose parents stand above it. In a container the folder
/// may be out of sight, and its files are those of the mount.
void take_limits(const path& mount, const path& group, const Names& names, SystemMemory& memory) {
  for (path inside = group.relative_path();; inside = inside.parent_path()) {
    const path folder = mount / inside;
    const double limit = number_in(folder / names.limit), usage = number_in(folder / names.usage);
    if (limit < infinite && usage < infinite) {
      const double used = std::max(0.0, usage - number_named(folder / "memory.stat", names.reclaimable, 0));
      memory.installed = std::min(memory.installed, limit);
      memory.available = std::min(memory.available, std::max(0.0, limit - used));
    }
    if (inside.empty()) return;
  }
}

}  // namespace

SystemMemory system_memory(const path& root) {
  const path computer = root / "proc/meminfo", mounts = root / "sys/fs/cgroup";
  SystemMemory memory{number_named(computer, "MemTotal:", infinite) * 1024,
                      number_named(computer, "MemAvailable:", infinite) * 1024};
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:folder
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const auto listed = split(controllers, ',');
    const path group = line.substr(second + 1);
    if (controllers.empty())
      take_limits(mounts, group, version_2, memory);
    else if (std::ranges::find(listed, "memory") != listed.end())
      take_limits(mounts / "memory", group, version_1, memory);
  }
  return memory;
}

bool fits_memory(std::size_t bytes) {
  constexpr std::size_t large = std::size_t{4} << 20;
  return bytes < large || static_cast<double>(bytes) < system_memory().available;
}

}  // namespace regatta
