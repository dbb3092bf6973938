#include "regatta/schedule/scheduler.hpp"

#include <algorithm>

#include "asha_scheduler.hpp"
#include "bandit_scheduler.hpp"
#include "bounded_scheduler.hpp"
#include "fifo_scheduler.hpp"
#include "halving_scheduler.hpp"
#include "median_scheduler.hpp"
#include "pasha_scheduler.hpp"
#include "pb2_scheduler.hpp"
#include "pbt_scheduler.hpp"
#include "plateau_scheduler.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/plugin.hpp"
#include "regatta/core/text.hpp"
#include "replay_scheduler.hpp"

namespace regatta::schedule {
namespace {

using Made = std::unique_ptr<Scheduler>;

struct Entry {
  std::string name;
  Made (*make)(const SchedulerOptions&, const StudyFacts&);
};

template <class Kind>
Made plain(const SchedulerOptions& options, const StudyFacts& facts) {
  return std::make_unique<Kind>(options, facts);
}

Made fifo(const SchedulerOptions&, const StudyFacts&) { return std::make_unique<FifoScheduler>(); }

Made successive_halving(const SchedulerOptions& options, const StudyFacts& facts) {
  return std::make_unique<HalvingScheduler>(HalvingScheduler::Kind::SuccessiveHalving, options, facts);
}

Made hyperband(const SchedulerOptions& options, const StudyFacts& facts) {
  if (!options.asynchronous)
    return std::make_unique<HalvingScheduler>(HalvingScheduler::Kind::Hyperband, options, facts);
  SchedulerOptions all = options;
  all.brackets =
      static_cast<int>(geometric_milestones(options.grace_period, options.eta, facts.epochs).size()) + 1;
  return std::make_unique<AshaScheduler>(all, facts);
}

/// Every scheduler, the default first.
const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {"fifo", fifo},
      {"asha", plain<AshaScheduler>},
      {"hyperband", hyperband},
      {"sh", successive_halving},
      {"median", plain<MedianScheduler>},
      {"patience", plain<PatienceScheduler>},
      {"threshold", plain<ThresholdScheduler>},
      {"pasha", plain<PashaScheduler>},
      {"plateau", plain<PlateauScheduler>},
      {"bandit", plain<BanditScheduler>},
      {"pbt", plain<PbtScheduler>},
      {"pb2", plain<Pb2Scheduler>},
      {"replay", plain<ReplayScheduler>},
  };
  return entries;
}

Made made_by_plugin(const SchedulerOptions& options, const StudyFacts& facts) {
  const auto make =
      reinterpret_cast<SchedulerFactory*>(plugin_function(options.plugin, "regatta_make_scheduler"));
  Made scheduler(make(options, facts));
  require(scheduler != nullptr, "the plugin ", options.plugin.string(), " makes no scheduler");
  return scheduler;
}

Made unbounded(const SchedulerOptions& options, const StudyFacts& facts) {
  if (!options.plugin.empty()) return made_by_plugin(options, facts);
  const auto found = std::ranges::find(table(), options.algorithm, &Entry::name);
  require(found != table().end(), "unknown scheduling algorithm '", options.algorithm, "': expected one of ",
          join(scheduler_names(), ", "), suggestion(options.algorithm, scheduler_names()));
  return found->make(options, facts);
}

void check(const SchedulerOptions& options) {
  require(options.eta > 1, "eta must be above 1, got ", options.eta);
  require(options.grace_period >= 1, "grace_period must be at least 1, got ", options.grace_period);
  require(options.max_epochs >= 0, "max_epochs must not be negative, got ", options.max_epochs);
  require(options.brackets >= 1, "brackets must be at least 1, got ", options.brackets);
  require(options.factor > 0 && options.factor < 1, "factor must lie between 0 and 1, got ", options.factor);
  require(options.quantile > 0 && options.quantile <= 0.5,
          "quantile must lie above 0 and at most at 0.5, got ", options.quantile);
}

}  // namespace

Job Scheduler::choose_trial_to_run(const search::History& history, bool) {
  if (history.count(search::TrialState::Paused) == 0) return {};
  for (const TrialId trial : history.unfinished())
    if (history[trial].state == search::TrialState::Paused) return {Job::Kind::Resume, trial};
  return {};
}

const std::vector<std::string>& scheduler_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Entry& entry : table()) result.push_back(entry.name);
    return result;
  }();
  return names;
}

std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options, const StudyFacts& facts) {
  check(options);
  if (options.max_epochs == 0 || options.max_epochs >= facts.epochs) return unbounded(options, facts);
  StudyFacts shorter = facts;
  shorter.epochs = options.max_epochs;
  return std::make_unique<BoundedScheduler>(unbounded(options, shorter), options.max_epochs);
}

}  // namespace regatta::schedule
