// Stops a trial whose value is worse than the median of what the others had reached at the same epoch.
#include <algorithm>
#include <cmath>
#include <map>

#include "regatta/schedule/scheduler.hpp"

using namespace regatta;

class MedianStopping final : public schedule::Scheduler {
 public:
  schedule::Decision on_result(const search::History& history, const search::TrialReported& report) override {
    for (; seen_ + 1 < history.reports().size(); ++seen_) {  // all reports but this one
      const search::CurvePoint& point = history.reports()[seen_];
      if (!std::isnan(point.value)) others_[point.epoch].push_back(point.value);
    }
    if (std::isnan(report.value)) return {schedule::Answer::Stop};
    std::vector<double> values = others_[report.epoch];
    if (values.size() < 5) return {};
    std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
    const double median = values[values.size() / 2];
    return {history.better(median, report.value) ? schedule::Answer::Stop : schedule::Answer::Continue};
  }

 private:
  std::map<std::int32_t, std::vector<double>> others_;  // by epoch
  std::size_t seen_ = 0;
};

extern "C" schedule::Scheduler* regatta_make_scheduler(const schedule::SchedulerOptions&,
                                                       const schedule::StudyFacts&) {
  return new MedianStopping;
}
