#include "regatta/schedule/scheduler.hpp"

#include <algorithm>

#include "fifo_scheduler.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::schedule {
namespace {

struct Entry {
  std::string name;
  std::unique_ptr<Scheduler> (*make)(const SchedulerOptions&);
};

/// Every scheduler, the default first.
const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {"fifo",
       [](const SchedulerOptions&) -> std::unique_ptr<Scheduler> {
         return std::make_unique<FifoScheduler>();
       }},
  };
  return entries;
}

}  // namespace

const std::vector<std::string>& scheduler_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Entry& entry : table()) result.push_back(entry.name);
    return result;
  }();
  return names;
}

std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options) {
  const auto found = std::ranges::find(table(), options.algorithm, &Entry::name);
  require(found != table().end(), "unknown scheduling algorithm '", options.algorithm, "': expected one of ",
          join(scheduler_names(), ", "), suggestion(options.algorithm, scheduler_names()));
  return found->make(options);
}

}  // namespace regatta::schedule
