#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace regatta::report {

enum class Align { Left, Right };

/// A table for the terminal: columns two blanks apart, no colours, no lines.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::Right;
  };

  explicit Table(std::vector<Column> columns);

  /// @param cells  one per column
  void add(std::vector<std::string> cells);

  bool empty() const { return rows_.empty(); }
  /// Characters of the widest line.
  std::size_t width() const;
  /// One line per row after the titles, each after `indent` blanks and at most `width` characters wide: the
  /// widest columns are cut, with "..." at the cut.
  std::string text(std::size_t width = 100, std::size_t indent = 2) const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Characters (not bytes) of a UTF-8 text.
std::size_t characters(const std::string& text);

/// `text` with line breaks at blanks so that no line is wider than `width` where it can be helped; lines
/// after the first start with `indent` blanks.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace regatta::report
