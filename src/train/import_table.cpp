#include "import_table.hpp"

#include <algorithm>

#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"

namespace regatta::train {
namespace {

constexpr char blanks = ' ';  ///< as a separator: any run of blanks

bool is_blank(char character) { return character == ' ' || character == '\t'; }

/// The first of tab, semicolon and comma that stands in the line outside quotes; else blanks.
char separator_of(std::string_view line) {
  for (const char candidate : {'\t', ';', ','}) {
    bool quoted = false;
    for (const char character : line) {
      if (character == '"') quoted = !quoted;
      if (character == candidate && !quoted) return candidate;
    }
  }
  return line.find(' ') == std::string_view::npos ? ',' : blanks;
}

/// Takes one line of fields after the other from a text.
class FieldReader {
 public:
  FieldReader(std::string_view text, std::string_view file, std::deque<std::string>& unescaped)
      : text_(text), file_(file), unescaped_(unescaped) {
    skip_empty_lines();
    separator_ = separator_of(text_.substr(at_, text_.find('\n', at_) - at_));
  }

  bool at_end() const { return at_ >= text_.size(); }
  int line() const { return line_; }

  /// Appends the fields of the next line that is not empty.
  void take_line(std::vector<std::string_view>& fields) {
    for (bool more = true; more;) {
      skip_blanks();
      fields.push_back(at(at_) == '"' ? take_quoted() : take_plain());
      skip_blanks();
      more = at(at_) == separator_ || (separator_ == blanks && !at_line_end());
      if (more && separator_ != blanks) ++at_;
    }
    require(at_line_end(), file_, ":", line_, ": a field goes on after its closing quote");
    skip_empty_lines();
  }

 private:
  char at(std::size_t place) const { return place < text_.size() ? text_[place] : '\n'; }
  bool at_line_end() const { return at(at_) == '\n'; }

  void skip_blanks() {
    while (!at_end() && is_blank(at(at_)) && (at(at_) != separator_ || separator_ == blanks)) ++at_;
  }

  void skip_empty_lines() {
    while (!at_end()) {
      std::size_t next = at_;
      while (next < text_.size() && is_blank(text_[next])) ++next;
      if (at(next) != '\n') return;
      if (next < text_.size()) ++line_;
      at_ = next + 1;
    }
  }

  std::string_view take_plain() {
    const std::size_t start = at_;
    while (!at_line_end() && at(at_) != separator_ && !(separator_ == blanks && is_blank(at(at_)))) ++at_;
    return trim(text_.substr(start, at_ - start));
  }

  std::string_view take_quoted() {
    const int opened = line_;
    const std::size_t start = ++at_;
    bool escaped = false;
    for (;; ++at_) {
      require(!at_end(), file_, ":", opened, ": a quote is opened and never closed");
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') continue;
      if (at(at_ + 1) != '"') break;
      escaped = true;
      ++at_;
    }
    const std::string_view inner = text_.substr(start, at_++ - start);
    return escaped ? without_doubled_quotes(inner) : inner;
  }

  std::string_view without_doubled_quotes(std::string_view inner) {
    std::string& plain = unescaped_.emplace_back();
    for (std::size_t i = 0; i < inner.size(); ++i) {
      plain += inner[i];
      if (inner[i] == '"') ++i;
    }
    return plain;
  }

  std::string_view text_, file_;
  std::deque<std::string>& unescaped_;
  std::size_t at_ = 0;
  int line_ = 1;
  char separator_ = ',';
};

}  // namespace

TextTable::TextTable(const std::filesystem::path& file, Header header) : file_(file.string()) {
  std::string& text = texts_.emplace_back(read_file(file));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  require(text.find('\0') == std::string::npos, file_, ": is no text: it holds zero bytes");
  std::erase(text, '\r');
  read_lines(text);
  if (header == Header::Yes || (header == Header::Auto && first_line_is_header())) take_header();
  require(rows() > 0, file_, ": holds no samples");
  require(columns_ >= 2, file_, ":", line(0), ": has one column, expected at least a feature and a target");
}

void TextTable::read_lines(std::string_view text) {
  FieldReader reader(text, file_, texts_);
  while (!reader.at_end()) {
    const int start = reader.line();
    const std::size_t before = fields_.size();
    reader.take_line(fields_);
    const std::size_t count = fields_.size() - before;
    if (lines_.empty()) columns_ = count;
    require(count == columns_, file_, ":", start, ": has ", count, " fields, expected ", columns_,
            " as in line ", lines_.empty() ? start : lines_.front());
    lines_.push_back(start);
  }
}

bool TextTable::first_line_is_header() const {
  if (rows() < 2) return false;
  bool number_below = false;
  for (std::size_t column = 0; column < columns_; ++column) {
    if (parse_number(field(0, column))) return false;
    number_below = number_below || parse_number(field(1, column)).has_value();
  }
  return number_below;
}

void TextTable::take_header() {
  if (rows() == 0) return;
  names_.assign(fields_.begin(), fields_.begin() + static_cast<std::ptrdiff_t>(columns_));
  fields_.erase(fields_.begin(), fields_.begin() + static_cast<std::ptrdiff_t>(columns_));
  lines_.erase(lines_.begin());
}

std::string TextTable::title(std::size_t column) const {
  return names_.empty() ? concat("column ", column + 1) : concat("column '", names_[column], "'");
}

std::size_t TextTable::column_of(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
  const auto number = parse_integer(name);
  const auto count = static_cast<std::int64_t>(columns_);
  const bool inside = number && *number != 0 && *number >= -count && *number <= count;
  require(inside, file_, ": has no column '", name, "', expected ",
          names_.empty() ? "" : "a name of the first line or ", "a number from 1 to ", columns_,
          " or from -1 (the last) to -", columns_, suggestion(name, names_));
  return static_cast<std::size_t>(*number > 0 ? *number - 1 : count + *number);
}

}  // namespace regatta::train
