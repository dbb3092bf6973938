#include <algorithm>
#include <utility>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/log/journal.hpp"
#include "regatta/log/study_reader.hpp"

namespace regatta::log {
namespace {

std::vector<space::Definition> definitions(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::vector<space::Definition> result;
  for (const auto& [name, text] : lines) result.push_back({name, text, {"the logged space", 0}});
  return result;
}

void see(Study& study, WorkerId worker, double time) {
  const auto place = static_cast<std::size_t>(worker.value);
  if (place >= study.last_joining.size() || study.last_joining[place] == Study::no_attempt) return;
  WorkerRow& row = study.workers[study.last_joining[place]];
  row.last_seen = std::max(row.last_seen, time);
}

TrialId trial_of(const search::Note& note, const search::History& history) {
  require(!note.values.empty(), "the note ", note.key, " is of no trial");
  return history[TrialId{static_cast<std::int32_t>(note.values[0])}].id;
}

/// A note of the key team_note.
std::vector<WorkerId> partners_of(const search::Note& note) {
  std::vector<WorkerId> partners;
  for (const double worker : std::span(note.values).subspan(1))
    partners.push_back(WorkerId{static_cast<std::int32_t>(worker)});
  return partners;
}

/// A note of the key gain_note.
Promise promise_of(const search::Note& note, const search::History& history) {
  require(note.values.size() == 2, "a note of the expected gain has 2 values, got ", note.values.size());
  const TrialId trial = trial_of(note, history);
  const auto best = history.incumbent();
  return {trial, note.values[1], best ? history[*best].objective : search::not_a_number};
}

/// "1.34 M", "980".
std::string in_short(double number) {
  const double million = 1e6, thousand = 1e3;
  if (number >= million) return format_short(number / million, 3) + " M";
  return number >= thousand ? format_short(number / thousand, 3) + " k" : format_short(number, 3);
}

}  // namespace

std::string lanes_text(const search::Note& note) {
  const std::vector<double>& values = note.values;
  require(values.size() % 2 == 1, "a note of lanes has an odd number of values, got ", values.size());
  std::string timed;
  for (std::size_t i = 1; i < values.size(); i += 2)
    timed += concat(i > 1 ? ", " : "", values[i], ": ",
                    values[i + 1] > 0 ? in_short(values[i + 1]) + " steps/s" : "do not fit into memory");
  return concat(values[0], " of each rank (",
                timed.empty() ? "by objective, shapes and trials" : "probe: " + timed, ")");
}

space::Space space_of(const search::StudyHeader& header) {
  Problems problems;
  space::Space space =
      space::Space::parse(definitions(header.space), definitions(header.constraints), problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  return space;
}

Study::Study(search::StudyHeader header_)
    : header(std::move(header_)), space(space_of(header)), history(header.maximize) {}

std::int32_t Study::next_lane(const search::WorkerJoined& joined) {
  if (joined.rank < 0) return 0;  // no rank of this job
  const std::int32_t lane = lanes_of_[joined.rank]++;
  lanes = std::max(lanes, lane + 1);
  return lane;
}

/// What a trial began with is told when it changes for the first time: its configuration gives way to the new
/// one.
void Study::remember_start(const search::Event& event) {
  const auto* change = std::get_if<search::TrialChanged>(&event);
  if (!change) return;
  const search::Trial& trial = history[change->trial];
  if (trial.changed_epoch == 0) changes.push_back({trial.id, 0, TrialId{}, trial.t_start, trial.config});
}

void Study::record(search::Event event) {
  remember_start(event);
  history.record(event);
  const auto place = [this](TrialId trial) -> std::size_t& {
    return last_attempt[static_cast<std::size_t>(trial.value)];
  };
  if (std::holds_alternative<search::TrialCreated>(event)) {
    last_attempt.push_back(no_attempt);
  } else if (const auto* started = std::get_if<search::TrialStarted>(&event)) {
    place(started->trial) = attempts.size();
    attempts.push_back({*started, std::nullopt, {}});
    see(*this, started->worker, started->time);
  } else if (auto* reported = std::get_if<search::TrialReported>(&event)) {
    see(*this, history[reported->trial].worker, reported->time);
    reports.push_back(std::move(*reported));
  } else if (auto* ended = std::get_if<search::TrialEnded>(&event)) {
    see(*this, history[ended->trial].worker, ended->time);
    const std::size_t attempt = place(ended->trial);
    const bool open =
        attempt != no_attempt && !attempts[attempt].end;  // a paused trial's attempt has ended before
    if (open) attempts[attempt].end = std::move(*ended);
  } else if (auto* joined = std::get_if<search::WorkerJoined>(&event)) {
    require(joined->worker.valid(), "a worker that joins has a number from 0 on, got ", joined->worker.value);
    const auto index = static_cast<std::size_t>(joined->worker.value);
    if (index >= last_joining.size()) last_joining.resize(index + 1, no_attempt);
    last_joining[index] = workers.size();
    workers.push_back({*joined, joined->time, next_lane(*joined)});
  } else if (auto* job = std::get_if<search::JobStarted>(&event)) {
    jobs.push_back({std::move(*job), std::nullopt});
    lanes_of_.clear();
  } else if (auto* job_end = std::get_if<search::JobEnded>(&event)) {
    if (!jobs.empty()) jobs.back().end = std::move(*job_end);
  } else if (auto* change = std::get_if<search::TrialChanged>(&event)) {
    changes.push_back(std::move(*change));
  } else if (const auto* note = std::get_if<search::Note>(&event)) {
    if (note->key == search::gain_note) promises.push_back(promise_of(*note, history));
    if (note->key == search::filled_note) filled_in.push_back(trial_of(*note, history));
    if (note->key == sums_note && note->values.size() == 2)
      sums[static_cast<std::int32_t>(note->values[0])] = static_cast<int>(note->values[1]);
    if (note->key == lanes_note && !jobs.empty()) jobs.back().lanes = lanes_text(*note);
    if (note->key == search::team_note) attempts.at(place(trial_of(*note, history))).partners = partners_of(*note);
  }
}

Study read_study(const std::filesystem::path& directory) {
  std::error_code error;
  require(std::filesystem::is_directory(directory, error), "there is no run directory ", directory.string());
  const std::filesystem::path journal = directory / "journal.bin";
  require(std::filesystem::exists(journal, error), directory.string(),
          " is no run directory: it has no journal.bin");
  Study study(read_header(journal));
  const JournalContent content =
      read_journal(journal, [&](search::Event&& event) { study.record(std::move(event)); });
  study.torn = content.torn;
  study.directory = directory;
  study.status = read_status(directory);
  return study;
}

}  // namespace regatta::log
