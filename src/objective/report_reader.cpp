#include "report_reader.hpp"

#include <algorithm>
#include <cmath>
#include <regex>
#include <vector>

#include "regatta/core/error.hpp"
#include "regatta/core/json.hpp"
#include "regatta/core/text.hpp"

namespace regatta::objective {
namespace {

constexpr std::size_t longest_matched = 2048;  ///< std::regex needs stack for every character

/// Files a number under its name; one that is no possible epoch is passed over.
void add(Message& message, const std::string& name, double value) {
  if (name != "epoch") {
    message.values[name] = value;
  } else if (value >= 0 && value < 2e9 && value == std::floor(value)) {
    message.epoch = static_cast<std::int32_t>(value);
  }
}

/// The expression without the names of its groups, which go to `groups` by number.
std::string without_names(std::string_view text, std::vector<std::string>& groups) {
  std::string plain;
  bool in_class = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    plain += text[i];
    if (text[i] == '\\' && i + 1 < text.size()) {
      plain += text[++i];
    } else if (text[i] == '[' || text[i] == ']') {
      in_class = text[i] == '[';
    } else if (text[i] == '(' && !in_class) {
      const std::string_view rest = text.substr(i + 1);
      const std::size_t start = rest.starts_with("?P<") ? 3 : rest.starts_with("?<") ? 2 : 0;
      const std::size_t end = rest.find('>');
      if (start > 0 && end != std::string_view::npos) {
        groups.emplace_back(rest.substr(start, end - start));
        i += end + 1;
      } else if (!rest.starts_with('?')) {
        groups.emplace_back();
      }
    }
  }
  return plain;
}

}  // namespace

Message read_words(std::string_view text) {
  Message message;
  std::string spaced(text);
  std::ranges::replace_if(
      spaced, [](char c) { return c == ',' || c == ';' || c == '\t'; }, ' ');
  for (const std::string& word : split(spaced, ' ')) {
    const std::size_t equals = word.find('=');
    if (word == "done") message.done = true;
    if (word == "paused") message.paused = true;
    if (equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals);
    if (name == "failed") message.failure = trim(text.substr(text.find("failed=") + 7));
    if (const auto number = parse_printed_number(std::string_view(word).substr(equals + 1)))
      add(message, name, *number);
  }
  return message;
}

std::optional<Message> read_json(const std::string& line) {
  const Json json = parse_json(line);
  if (!json.is_object()) return {};
  Message message;
  for (const auto& [name, value] : json.items())
    if (const auto number = number_in(value)) add(message, name, *number);
  if (const auto failed = json.find("failed"); failed != json.end() && failed->is_string())
    message.failure = failed->get<std::string>();
  message.done = json.value("done", Json(false)) == Json(true);
  message.paused = json.value("paused", Json(false)) == Json(true);
  return message;
}

struct ReportPattern::Expression {
  std::vector<std::string> groups;  ///< by number; "" for a group without a name
  std::regex regex;
};

ReportPattern::ReportPattern(const std::string& text, const std::string& metric) {
  auto expression = std::make_shared<Expression>();
  try {
    expression->regex.assign(without_names(text, expression->groups));
  } catch (const std::regex_error& error) {
    throw InvalidInput(concat("'", text, "' is no regular expression: ", error.what()));
  }
  std::vector<std::string>& groups = expression->groups;
  if (groups == std::vector<std::string>{""}) groups.front() = metric;
  require(std::ranges::count(groups, metric) > 0,
          "objective.pattern needs a group for the study's metric, as (?<", metric, ">[-+.0-9eE]+), got '",
          text, "'");
  expression_ = std::move(expression);
}

std::optional<Message> ReportPattern::read(std::string_view line) const {
  line = line.substr(0, longest_matched);
  std::match_results<std::string_view::const_iterator> found;
  if (!std::regex_search(line.begin(), line.end(), found, expression_->regex)) return {};
  Message message;
  const std::vector<std::string>& groups = expression_->groups;
  for (std::size_t i = 0; i < groups.size(); ++i)
    if (const auto number = parse_printed_number(found[i + 1].str()); number && !groups[i].empty())
      add(message, groups[i], *number);
  return message;
}

std::optional<Message> ReportFormat::read(std::string_view line) const {
  const std::string_view text = trim(line);
  if (!prefix.empty() && text.starts_with(prefix)) return read_words(text.substr(prefix.size()));
  return pattern ? pattern->read(text) : std::nullopt;
}

}  // namespace regatta::objective
