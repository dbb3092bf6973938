#include <algorithm>
#include <map>
#include <sstream>

#include "phrases.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/progress.hpp"
#include "regatta/report/report.hpp"
#include "regatta/report/table.hpp"

namespace regatta::report {
namespace {

constexpr std::size_t most_rows = 20;  // in the table

std::string ago(double now, double time) { return format_duration(std::max(0.0, now - time)) + " ago"; }

double last_event_time(const log::Study& study) {
  double last = study.header.created;
  for (const log::JobRow& job : study.jobs) last = std::max(last, job.end ? job.end->time : job.start.time);
  for (const log::WorkerRow& worker : study.workers) last = std::max(last, worker.last_seen);
  return last;
}

/// One sentence: runs, ended, or was killed; and since when.
std::string state_text(const log::Study& study, double now) {
  if (study.status && is_alive(*study.status, now))
    return concat("RUNNING on ", study.status->host, " (process ", study.status->pid, ") for ",
                  format_duration(now - study.status->started), "; last sign of life ",
                  ago(now, study.status->updated));
  if (study.status && study.status->state != log::RunState::Running)
    return concat(name_of(study.status->state), study.status->reason.empty() ? "" : ": ",
                  study.status->reason, "; ended ", iso_time(study.status->updated), ", ",
                  ago(now, study.status->updated));
  const double last = std::max(last_event_time(study), study.status ? study.status->updated : 0.0);
  return concat("KILLED, it seems: no sign of life since ", iso_time(last), ", ", ago(now, last),
                "; whatever had been reported by then is in the journal");
}

double job_start(const log::Study& study) {
  return study.jobs.empty() ? study.header.created : study.jobs.back().start.time;
}

std::size_t done_before(const log::Study& study, double time) {
  return static_cast<std::size_t>(std::ranges::count_if(
      study.history.trials(), [&](const search::Trial& trial) { return trial.t_end < time; }));
}

std::map<WorkerId, std::string> running_trials(const log::Study& study) {
  std::map<WorkerId, std::string> result;
  for (const TrialId id : study.history.unfinished()) {
    const search::Trial& trial = study.history[id];
    if (trial.state != search::TrialState::Running) continue;
    std::string& text = result[trial.worker];
    text += (text.empty() ? "" : " ") + std::to_string(id.value);
  }
  return result;
}

std::string workers_text(const log::Study& study, double now) {
  std::map<WorkerId, const log::WorkerRow*> latest;
  for (const log::WorkerRow& row : study.workers) latest[row.joined.worker] = &row;
  std::vector<const log::WorkerRow*> rows;
  for (const auto& [id, row] : latest) rows.push_back(row);
  const bool all = rows.size() <= most_rows;
  if (!all) {
    std::ranges::stable_sort(rows, {}, &log::WorkerRow::last_seen);
    rows.resize(most_rows);
  }
  const std::map<WorkerId, std::string> running = running_trials(study);
  Table table({{"worker"},
               {"rank"},
               {"host", Align::Left},
               {"device", Align::Left},
               {"running", Align::Left},
               {"last event"}});
  for (const log::WorkerRow* row : rows) {
    const auto trials = running.find(row->joined.worker);
    table.add({std::to_string(row->joined.worker.value), rank_text(study, *row), row->joined.host,
               row->joined.device, trials == running.end() ? "-" : trials->second, ago(now, row->last_seen)});
  }
  const std::string title =
      all ? "workers\n"
          : concat("workers: ", rows.size(), " of ", latest.size(), ", those longest without an event\n");
  return table.empty() ? "" : title + table.text();
}

}  // namespace

std::string status_text(const log::Study& study, double now) {
  const bool alive = study.status && is_alive(*study.status, now);
  const double start = job_start(study);
  const double end = alive ? now : std::max(last_event_time(study), start);
  Progress progress = progress_of(study.history, study.header.trials, end - start, done_before(study, start));
  if (!alive) progress.eta = search::not_a_number;
  std::ostringstream text;
  const auto line = [&](const std::string& title, const std::string& content) {
    text << title << std::string(10 - title.size(), ' ') << wrapped(content, 88, 10) << "\n";
  };
  line("study", study.header.name + (study.directory.empty() ? "" : " in " + study.directory.string()));
  line("state", state_text(study, now));
  if (!study.jobs.empty() && !study.jobs.back().lanes.empty()) line("lanes", study.jobs.back().lanes);
  line("trials", counts_text(study.history));
  line(alive ? "progress" : "reached", progress_line(progress));
  if (progress.best)
    line("best", concat("trial ", progress.best->value, ", ", study.header.metric, " = ",
                        score_text(study.history[*progress.best]), ": ",
                        study.space.text(study.history[*progress.best].config)));
  text << workers_text(study, now);
  return text.str();
}

}  // namespace regatta::report
