#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "regatta/schedule/scheduler.hpp"

namespace regatta::schedule {

/// Median stopping rule (Golovin et al. 2017, Google Vizier): a trial is stopped at epoch t when its best
/// value up to t is strictly worse than the median of the other trials' running averages up to t. Asked from
/// the grace period on, and where at least `min_samples` other trials have reported epoch t.
class MedianScheduler final : public Scheduler {
 public:
  MedianScheduler(const SchedulerOptions& options, const StudyFacts&) : options_(options) {}

  Decision on_result(const search::History& history, const search::TrialReported& report) override;

 private:
  /// Numbers with their median at hand; to add one takes O(log n).
  class Numbers {
   public:
    void add(double number);
    std::size_t size() const { return low_.size() + high_.size(); }
    double median() const;

   private:
    std::multiset<double> low_, high_;  ///< low_ has as many as high_, or one more
  };
  struct Course {
    double best = 0, sum = 0;  ///< losses
    std::size_t count = 0;
  };

  void take(const search::History& history, const search::CurvePoint& report);
  Course& course_of(TrialId trial);

  SchedulerOptions options_;
  std::map<std::int32_t, Numbers> averages_;  ///< by epoch
  std::vector<Course> courses_;               ///< by trial
  std::size_t reports_seen_ = 0;
};

}  // namespace regatta::schedule
