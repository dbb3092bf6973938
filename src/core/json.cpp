#include "regatta/core/json.hpp"

#include <string_view>

#include "regatta/core/text.hpp"

namespace regatta {
namespace {

/// Special numbers in quotes can be read.
std::string quote_special_numbers(const std::string& line) {
  std::string text;
  bool in_quotes = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && (i == 0 || line[i - 1] != '\\')) in_quotes = !in_quotes;
    const std::string_view rest = std::string_view(line).substr(i);
    std::string_view special;
    for (const std::string_view word : {"NaN", "-Infinity", "Infinity"})
      if (!in_quotes && special.empty() && rest.starts_with(word)) special = word;
    if (special.empty()) {
      text += line[i];
    } else {
      text.append("\"").append(special).append("\"");
      i += special.size() - 1;
    }
  }
  return text;
}

}  // namespace

Json parse_json(const std::string& text) { return Json::parse(quote_special_numbers(text), nullptr, false); }

std::optional<double> number_in(const Json& value) {
  if (value.is_number()) return value.get<double>();
  return value.is_string() ? parse_printed_number(value.get<std::string>()) : std::nullopt;
}

std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace regatta
