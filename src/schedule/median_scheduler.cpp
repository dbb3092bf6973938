#include "median_scheduler.hpp"

#include <algorithm>
#include <cmath>

#include "rung.hpp"

namespace regatta::schedule {

void MedianScheduler::Numbers::add(double number) {
  if (low_.empty() || number <= *low_.rbegin())
    low_.insert(number);
  else
    high_.insert(number);
  if (low_.size() > high_.size() + 1) high_.insert(low_.extract(std::prev(low_.end())));
  if (high_.size() > low_.size()) low_.insert(high_.extract(high_.begin()));
}

double MedianScheduler::Numbers::median() const {
  return low_.size() > high_.size() ? *low_.rbegin() : (*low_.rbegin() + *high_.begin()) / 2;
}

Decision MedianScheduler::on_result(const search::History& history, const search::TrialReported& report) {
  while (reports_seen_ + 1 < history.reports().size()) take(history, history.reports()[reports_seen_++]);
  Decision decision;
  const Course& before = course_of(report.trial);
  const double loss = loss_of(history, report.value);
  const double best = before.count > 0 ? std::min(before.best, loss) : loss;
  const auto others = averages_.find(report.epoch);
  const bool enough =
      others != averages_.end() && others->second.size() >= static_cast<std::size_t>(options_.min_samples);
  if (report.epoch >= options_.grace_period && enough && best > others->second.median())
    decision.answer = Answer::Stop;
  if (!std::isfinite(loss)) decision.answer = Answer::Stop;
  while (reports_seen_ < history.reports().size()) take(history, history.reports()[reports_seen_++]);
  return decision;
}

void MedianScheduler::take(const search::History& history, const search::CurvePoint& report) {
  const double loss = loss_of(history, report.value);
  if (!std::isfinite(loss)) return;
  Course& course = course_of(report.trial);
  course.best = course.count > 0 ? std::min(course.best, loss) : loss;
  course.sum += loss;
  ++course.count;
  averages_[report.epoch].add(course.sum / static_cast<double>(course.count));
}

MedianScheduler::Course& MedianScheduler::course_of(TrialId trial) {
  const auto place = static_cast<std::size_t>(trial.value);
  if (place >= courses_.size()) courses_.resize(place + 1);
  return courses_[place];
}

}  // namespace regatta::schedule
