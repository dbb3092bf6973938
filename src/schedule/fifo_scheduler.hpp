#pragma once

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// First in, first out: every trial trains to its end.
class FifoScheduler final : public Scheduler {
 public:
  Decision on_result(const search::History&, const search::TrialReported&) override { return {}; }
};

}  // namespace regatta::schedule
