#pragma once

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// First in, first out: every trial trains to its end.
class FifoScheduler : public Scheduler {
 public:
  Job next(const search::History&) override { return {}; }
  Decision on_report(const search::History&, const search::TrialReported&) override {
    return Decision::Continue;
  }
};

}  // namespace regatta::schedule
