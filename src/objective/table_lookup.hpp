#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "regatta/space/space.hpp"
#include "regatta/train/curve_table.hpp"

namespace regatta::objective {

/// Finds the row of a configuration. The space that is searched may differ from the table's own: its
/// parameters have the same names, in any order, and values that the table knows.
class TableLookup {
 public:
  /// @param own   the space of the table's definitions
  /// @param asked the space that is searched
  /// @throws InvalidInput  entries that the definitions do not allow
  TableLookup(const train::CurveTable& table, const space::Space& own, const space::Space& asked);

  /// What keeps configurations of `asked` from being looked up, one sentence per parameter.
  static std::vector<std::string> problems(const space::Space& own, const space::Space& asked, bool exact);

  /// The row with exactly this configuration; the first of equal ones.
  std::optional<std::size_t> exact(const space::Config& config) const;
  /// The row at the least distance in the unit cube, where two values of a choice are as far apart as the
  /// ends of an axis; the first of equal ones. None for a configuration with inactive parameters.
  std::optional<std::size_t> nearest(const space::Config& config) const;
  /// The rows that the space that is searched has, as its configurations.
  std::vector<space::Config> listed() const;

 private:
  space::Config translated(const space::Config& config, bool exact) const;
  std::vector<double> coordinates(const space::Config& entries) const;
  double distance(const double* row, const std::vector<double>& point, double limit) const;
  const double* row(std::size_t index) const { return &entries_[index * own_.size()]; }

  space::Space own_, asked_;
  std::vector<std::size_t> place_;    ///< in `asked`, by parameter of `own`
  std::vector<double> entries_;       ///< [rows x parameters]
  std::vector<double> coordinates_;   ///< [rows x parameters]
  std::vector<std::size_t> ordered_;  ///< rows in the lexicographic order of their entries
};

}  // namespace regatta::objective
