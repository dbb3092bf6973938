#include <algorithm>
#include <map>
#include <utility>

#include "regatta/log/study_reader.hpp"

namespace regatta::log {

std::string_view name_of(SpanKind kind) {
  switch (kind) {
    case SpanKind::Train:
      return "train";
    case SpanKind::Wait:
      return "wait";
    case SpanKind::Communicate:
      return "communicate";
    case SpanKind::Load:
      return "load";
  }
  return "unknown";
}

std::vector<Span> timeline_of(const Study& study) {
  std::vector<Span> spans;
  std::map<std::pair<WorkerId, std::int32_t>, double> free_since;  // by worker and lane
  const auto add_attempt = [&](WorkerId worker, const search::TrialStarted& start, const search::TrialEnded& end) {
    const auto add = [&](TrialId trial, SpanKind kind, double from, double to) {
      if (to > from) spans.push_back({worker, start.lane, trial, kind, from, to});
    };
    // An assignment may lie in the worker's inbox while its predecessor still trains, so the attempt begins
    // where its device time says.
    double begin = std::min(std::max(start.time, end.time - end.seconds), end.time);
    const auto [lane, first] = free_since.try_emplace({worker, start.lane}, begin);
    begin = std::clamp(begin, lane->second, std::max(lane->second, end.time));
    const double loaded = std::min(begin + end.load_seconds, end.time);
    const double trained = std::max(loaded, end.time - end.communicate_seconds);
    add({}, SpanKind::Wait, lane->second, begin);
    add(start.trial, SpanKind::Load, begin, loaded);
    add(start.trial, SpanKind::Train, loaded, trained);
    add(start.trial, SpanKind::Communicate, trained, end.time);
    lane->second = std::max(lane->second, end.time);
  };
  for (const Attempt& attempt : study.attempts) {
    if (!attempt.end) continue;
    add_attempt(attempt.start.worker, attempt.start, *attempt.end);
    for (const WorkerId partner : attempt.partners) add_attempt(partner, attempt.start, *attempt.end);
  }
  return spans;
}

}  // namespace regatta::log
