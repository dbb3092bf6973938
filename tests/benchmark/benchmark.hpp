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
/// Between the neighbouring values, linearly; infinity where one of them is.
/// @param fraction  0: the least value, 0.5: the median, 1: the largest
double quantile(std::vector<double> values, double fraction);

/// CPU time of the calling thread so far [s].
double thread_cpu_seconds();
/// Of all threads [s].
double process_cpu_seconds();

/// What stands beside every figure: machine and build.
Json machine_facts();
std::string facts_text(const Json& facts);  ///< a line each

/// An option of a benchmark's command line, given as `NAME VALUE`.
struct Argument {
  std::string name;      ///< "--seeds"
  std::string fallback;  ///< in force when it is not given
  std::string meaning;   ///< of the value, for the usage: "N"
};

/// The command line of a benchmark. What it does not know ends the program with its usage and exit code 2.
class Arguments {
 public:
  Arguments(int argc, char** argv, std::vector<Argument> known);

  const std::string& text(const std::string& name) const;
  /// A whole number above 0.
  int count(const std::string& name) const;
  /// Words between commas, each one of `allowed`; all of `allowed` where the text is "all".
  std::vector<std::string> words(const std::string& name, const std::vector<std::string>& allowed) const;

 private:
  [[noreturn]] void refuse(const std::string& reason) const;

  std::string program_;
  std::vector<Argument> known_;  ///< fallbacks replaced by what was given
};

/// Collects figures; prints them as a table for people and writes them as JSON for programs.
class Report {
 public:
  /// Takes `--json FILE` and `--repeat N` from the command line; everything else ends the program with exit
  /// code 2.
  Report(std::string name, int argc, char** argv, int repeats);
  /// The same with further options.
  /// @param arguments  has `--json` and `--repeat`
  Report(std::string name, const Arguments& arguments);

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

/// mpirun -n RANKS regatta run inputs/INPUT overrides... Ends the program with the run's output when it
/// fails.
Run run_study(int ranks, const std::string& input, const std::vector<std::string>& overrides);

}  // namespace regatta::benchmark
