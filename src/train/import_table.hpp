#pragma once

#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/train/import.hpp"

namespace regatta::train {

/// The fields of a text table, and where they stood.
class TextTable {
 public:
  /// @throws InvalidInput  unreadable, empty, a quote that is never closed, lines of different length
  TextTable(const std::filesystem::path& file, Header header);

  const std::string& file() const { return file_; }
  std::size_t rows() const { return lines_.size(); }
  std::size_t columns() const { return columns_; }
  std::string_view field(std::size_t row, std::size_t column) const {
    return fields_[row * columns_ + column];
  }
  /// Line of the file in which the row starts, from 1.
  int line(std::size_t row) const { return lines_[row]; }
  /// From the header line; empty without one.
  const std::vector<std::string>& names() const { return names_; }
  /// "column 3" or "column 'age'".
  std::string title(std::size_t column) const;
  /// The column with this name or number (1 the first, -1 the last).
  /// @throws InvalidInput
  std::size_t column_of(std::string_view name) const;

 private:
  void read_lines(std::string_view text);
  bool first_line_is_header() const;
  void take_header();

  std::string file_;
  std::deque<std::string> texts_;  ///< what fields_ points into; a deque does not move its elements
  std::vector<std::string_view> fields_;
  std::vector<int> lines_;
  std::vector<std::string> names_;
  std::size_t columns_ = 0;
};

}  // namespace regatta::train
