#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace regatta::train {

/// One hyperparameter of a table.
struct CurveColumn {
  std::string name;
  std::string definition;       ///< in the space language: "logint(16, 512)", "choice(relu, tanh)"
  std::vector<double> entries;  ///< by row: the number, or its place in the list of a choice or ordinal
};

/// What trainings of many configurations have given: their learning curves, or the ends of repeated
/// trainings.
///
/// As a file (HDF5):
///
///   /names        text [parameters]: in order
///   /params/NAME  number [rows], attribute `definition`: as CurveColumn
///   /objective    number [rows, epochs] or [rows]: the metric after each epoch; NaN or infinite: diverged
///   /repeats      number [rows, repeats], in place of /objective: trainings that differ by their seed only;
///                 NaN: not done
///   /seconds      number [rows, epochs], may be left out: from the start to the end of each epoch [s]
///   / attributes  regatta_table = "1", metric, direction = "minimize" or "maximize", origin, licence
struct CurveTable {
  std::vector<CurveColumn> columns;
  std::size_t rows = 0;
  std::size_t epochs = 1;
  std::vector<double> objective;  ///< [rows x epochs]; the mean where there are repeats
  std::size_t repeats = 0;        ///< 0: none
  std::vector<double> repeated;   ///< [rows x repeats]
  std::vector<double> seconds;    ///< [rows x epochs], cumulative; empty: not known
  std::string metric = "value";
  bool maximize = false;
  std::string origin, licence;

  std::span<const double> curve(std::size_t row) const {
    return std::span(objective).subspan(row * epochs, epochs);
  }
};

/// @throws InvalidInput  sizes that do not fit each other, falling or negative seconds, entries that are not
/// finite: names the
///                       place and the rule
void check_curve_table(const CurveTable& table, const std::string& where);

/// Reads a whole table and checks all of it but the definitions.
/// @throws InvalidInput  no such file, or one that is no table: names file, path and rule
CurveTable read_curve_table(const std::filesystem::path& file);

/// @throws InvalidInput   as check_curve_table()
/// @throws SystemFailure  it cannot be written
void write_curve_table(const std::filesystem::path& file, const CurveTable& table);

/// The means of the rows of `repeated`, of what is not NaN; NaN where nothing is left.
std::vector<double> means_of_repeats(std::span<const double> repeated, std::size_t repeats);

}  // namespace regatta::train
