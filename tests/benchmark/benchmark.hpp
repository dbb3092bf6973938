#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "regatta/core/json.hpp"
#include "regatta/log/study_reader.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::benchmark {

/// One figure: what, how much, in which unit, and what it is to be compared with.
struct Figure {
  std::string name;
  std::vector<double> values;  ///< one per repetition; the median counts
  std::string unit;
  std::string target;  ///< "<= 8", or empty
  std::string note;
};

double median(std::vector<double> values);

/// Collects figures; prints them as a table for people and writes them as JSON for programs.
class Report {
 public:
  /// Takes `--json FILE` and `--repeat N` from the command line; everything else ends the program with exit code 2.
  Report(std::string name, int argc, char** argv, int repeats);

  int repeats() const { return repeats_; }
  void add(Figure figure) { figures_.push_back(std::move(figure)); }
  /// Prints the table with the machine's facts and writes the JSON file if one was asked for.
  void finish() const;

 private:
  std::string name_;
  int repeats_;
  std::filesystem::path json_;
  std::vector<Figure> figures_;
};

/// A run of the real binary under mpirun.
struct Run {
  std::shared_ptr<support::TemporaryFolder> folder;  ///< removed with the last copy
  std::filesystem::path directory;                   ///< of the study
  log::Study study;
  double wall_seconds = 0;    ///< of the whole command
  double tuning_seconds = 0;  ///< from the first assignment to the last result
  double logged_seconds = 0;  ///< from the first assignment until regatta.h5 holds everything
  double cpu_seconds = 0;     ///< of all processes
};

/// mpirun -n RANKS regatta run inputs/INPUT overrides... Ends the program with the run's output when it fails.
Run run_study(int ranks, const std::string& input, const std::vector<std::string>& overrides);

}  // namespace regatta::benchmark
