#include "input_scanner.hpp"

#include <algorithm>
#include <system_error>

#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"

namespace regatta::app {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) return line.substr(0, i);
  return line;
}

/// Adds lines to sections, one after another.
class Scanner {
 public:
  Scanner(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}

  void read(std::string_view line, int number) {
    where_ = {file_, number};
    line = trim(without_comment(line));
    if (line.empty()) return;
    if (line.starts_with('['))
      read_header(line);
    else
      read_entry(line);
  }

  std::vector<Section> sections;

 private:
  void complain(const std::string& text) { problems_.push_back({where_, text}); }

  void read_header(std::string_view line) {
    const std::size_t end = line.find(']');
    if (end == std::string_view::npos) return complain(concat("section header without ']': '", line, "'"));
    const std::string name(trim(line.substr(1, end - 1)));
    if (name.empty()) complain("section header without a name: write [study], for example");
    if (const auto rest = trim(line.substr(end + 1)); !rest.empty())
      complain(
          concat("text after the section header [", name, "]: '", rest, "'; put it on a line of its own"));
    sections.push_back({name, where_, {}});
  }

  void read_entry(std::string_view line) {
    if (line.starts_with(';')) return complain("comments start with '#', not with ';'");
    const std::size_t equals = line.find('=');
    const std::string name(trim(line.substr(0, equals)));
    if (sections.empty())
      return complain(
          concat("'", name, "' stands before any section; put it below a header such as [study]"));
    Section& section = sections.back();
    if (section.name == "constraints" && is_expression(line, equals))
      return section.entries.push_back({concat("line_", where_.line), std::string(line), where_});
    if (equals == std::string_view::npos)
      return complain(concat("expected 'name = value' or '[section]', got '", line, "'"));
    if (!is_name(name))
      return complain(concat("'", name,
                             "' is no name: it must consist of letters, digits and underscores and must "
                             "not start with a digit"));
    const std::string text(trim(line.substr(equals + 1)));
    if (text.empty())
      return complain(concat("missing value for '", name, "' in section [", section.name, "]"));
    section.entries.push_back({name, text, where_});
  }

  /// Whether the first '=' does not separate a name from a text but is part of an operator.
  static bool is_expression(std::string_view line, std::size_t equals) {
    return equals == std::string_view::npos || line.substr(equals).starts_with("==") ||
           !is_name(trim(line.substr(0, equals)));
  }

  const std::string& file_;
  Problems& problems_;
  Location where_;
};

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

std::string read_input_text(const std::filesystem::path& file) {
  const Location where{file.string(), 0};
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    throw InvalidInputs({{where, "is a directory, expected an input file"}});
  try {
    std::string text = read_file(file);
    if (text.find('\0') != std::string::npos)
      throw InvalidInputs({{where, "is a binary file, expected the text of an input file"}});
    return text;
  } catch (const SystemFailure& failure) {
    throw InvalidInputs({{where, failure.what()}});
  }
}

std::vector<Section> scan(std::string_view text, const std::string& file, Problems& problems) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Scanner scanner(file, problems);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    scanner.read(text.substr(0, end), number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::move(scanner.sections);
}

}  // namespace regatta::app
