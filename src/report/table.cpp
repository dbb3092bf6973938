#include "regatta/report/table.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "regatta/core/error.hpp"

namespace regatta::report {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t least_width = 6;

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::string first_characters(const std::string& text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size() && (count > 0 || !starts_character(text[end])))
    if (starts_character(text[end++])) --count;
  return text.substr(0, end);
}

std::string fitted(const std::string& text, std::size_t width) {
  return characters(text) <= width ? text : first_characters(text, width - 3) + "...";
}

std::size_t total(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), widths.empty() ? 0 : gap * (widths.size() - 1));
}

}  // namespace

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t column = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (column > indent && column + 1 + characters(word) > width) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (start > 0) {
      result += ' ';
      ++column;
    }
    result += word;
    column += characters(word);
    start = end + 1;
  }
  return result;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<std::string> cells) {
  require(cells.size() == columns_.size(), "a row needs ", columns_.size(), " cells, got ", cells.size());
  for (std::string& cell : cells) std::ranges::replace(cell, '\n', ' ');
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    result.push_back(characters(columns_[i].title));
    for (const auto& row : rows_) result[i] = std::max(result[i], characters(row[i]));
  }
  return result;
}

std::size_t Table::width() const { return total(widths()); }

std::string Table::text(std::size_t width, std::size_t indent) const {
  std::vector<std::size_t> fit = widths();
  while (total(fit) + indent > width) {
    const auto widest = std::ranges::max_element(fit);
    if (*widest <= least_width) break;
    --*widest;
  }
  std::string result;
  const auto add_line = [&](const auto& cell) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string content = fitted(cell(i), fit[i]);
      const std::string blanks(fit[i] - characters(content), ' ');
      line += (i > 0 ? std::string(gap, ' ') : "") +
              (columns_[i].align == Align::Left ? content + blanks : blanks + content);
    }
    result += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  add_line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) add_line([&](std::size_t i) { return row[i]; });
  return result;
}

}  // namespace regatta::report
