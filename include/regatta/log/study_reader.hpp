#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "regatta/log/journal.hpp"
#include "regatta/search/history.hpp"

namespace regatta::log {

struct WorkerRow {
  search::WorkerJoined joined;
  double last_seen = 0;
};

/// A study read back from its run directory, finished, killed or still running.
struct Study {
  std::filesystem::path directory;
  search::StudyHeader header;
  search::History history;
  std::vector<search::TrialReported> reports;
  std::vector<search::TrialEnded> ends;
  std::vector<search::TrialStarted> starts;
  std::vector<WorkerRow> workers;
  std::vector<search::JobStarted> jobs;
  std::vector<search::JobEnded> job_ends;
  bool torn = false;
};

/// Folds the journal of the directory.
/// @throws InvalidInput  no such directory, no journal in it
Study read_study(const std::filesystem::path& directory);

/// Writes the complete regatta.h5 of a study (schema: README.md, "The results file").
void write_results(const Study& study, const std::filesystem::path& file);

}  // namespace regatta::log
