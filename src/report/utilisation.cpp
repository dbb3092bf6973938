#include "regatta/report/utilisation.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "phrases.hpp"

namespace regatta::report {
namespace {

using Slot = std::pair<WorkerId, std::int32_t>;  // worker and lane

/// One job: who could work in it, and when trials were given out.
struct Job {
  double first = std::numeric_limits<double>::infinity();  // assignment
  double last = -std::numeric_limits<double>::infinity();  // assignment
  double end = -std::numeric_limits<double>::infinity();   // of the last trial
  std::set<Slot> slots;
};

std::size_t job_at(const log::Study& study, double time) {
  const auto after = std::upper_bound(study.jobs.begin(), study.jobs.end(), time,
                                      [](double t, const log::JobRow& job) { return t < job.start.time; });
  return after == study.jobs.begin() ? 0 : static_cast<std::size_t>(after - study.jobs.begin()) - 1;
}

std::vector<Job> jobs_of(const log::Study& study) {
  std::vector<Job> jobs(std::max<std::size_t>(1, study.jobs.size()));
  for (const log::WorkerRow& worker : study.workers)
    jobs[job_at(study, worker.joined.time)].slots.insert({worker.joined.worker, worker.lane});
  for (const log::Attempt& attempt : study.attempts) {
    Job& job = jobs[job_at(study, attempt.start.time)];
    job.slots.insert({attempt.start.worker, attempt.start.lane});
    job.first = std::min(job.first, attempt.start.time);
    job.last = std::max(job.last, attempt.start.time);
    job.end = std::max(job.end, attempt.end ? attempt.end->time : attempt.start.time);
  }
  return jobs;
}

/// What is known of the timeline, and the trials that run still: they train to the end of what we see.
std::vector<log::Span> spans_of(const log::Study& study, double end) {
  std::vector<log::Span> spans = log::timeline_of(study);
  std::map<Slot, double> free_since;
  for (const log::Span& span : spans) {
    double& since = free_since[{span.worker, span.lane}];
    since = std::max(since, span.t_end);
  }
  for (std::size_t i = 0; i < study.attempts.size(); ++i) {
    const search::TrialStarted& start = study.attempts[i].start;
    const bool running = study.history[start.trial].state == search::TrialState::Running &&
                         study.last_attempt[static_cast<std::size_t>(start.trial.value)] == i;
    if (!running) continue;
    const double begin = std::max(start.time, free_since[{start.worker, start.lane}]);
    spans.push_back(
        {start.worker, start.lane, start.trial, log::SpanKind::Train, begin, std::max(begin, end)});
  }
  return spans;
}

double overlap(const log::Span& span, double from, double to) {
  return std::max(0.0, std::min(span.t_end, to) - std::max(span.t_start, from));
}

void add_span(SlotTime& time, const log::Span& span, const Job& job) {
  if (span.kind == log::SpanKind::Wait) return;
  const double seconds = overlap(span, job.first, job.last);
  if (span.kind == log::SpanKind::Train) time.train += seconds;
  if (span.kind == log::SpanKind::Load) time.load += seconds;
  if (span.kind == log::SpanKind::Communicate) time.communicate += seconds;
  time.tail_busy += overlap(span, job.last, job.end);
}

}  // namespace

double SlotTime::utilisation() const { return slot > 0 ? train / slot : search::not_a_number; }

SlotTime& SlotTime::operator+=(const SlotTime& other) {
  slot += other.slot;
  train += other.train;
  load += other.load;
  communicate += other.communicate;
  tail += other.tail;
  tail_busy += other.tail_busy;
  return *this;
}

Utilisation utilisation_of(const log::Study& study) {
  const std::vector<Job> jobs = jobs_of(study);
  std::map<WorkerId, WorkerUse> workers;
  for (const Job& job : jobs) {
    for (const Slot& slot : job.slots) {
      SlotTime& time = workers[slot.first].time;
      if (job.last < job.first) continue;  // no trial was given out
      time.slot += job.last - job.first;
      time.tail += job.end - job.last;
    }
  }
  for (const log::WorkerRow& row : study.workers) {
    workers[row.joined.worker].rank = rank_text(study, row);
    workers[row.joined.worker].host = row.joined.host;
    workers[row.joined.worker].device = row.joined.device;
  }
  for (const log::Attempt& attempt : study.attempts)
    if (attempt.end) {
      ++workers[attempt.start.worker].trials;
      for (const WorkerId partner : attempt.partners) ++workers[partner].trials;
    }
  for (const log::Span& span : spans_of(study, jobs.back().end))
    for (const Job& job : jobs) add_span(workers[span.worker].time, span, job);

  Utilisation result;
  for (auto& [id, worker] : workers) {
    worker.worker = id;
    result.total += worker.time;
    result.workers.push_back(std::move(worker));
  }
  return result;
}

}  // namespace regatta::report
