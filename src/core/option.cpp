#include "regatta/core/option.hpp"

#include <algorithm>
#include <optional>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta {
namespace {

bool is_word(const Option& option, std::string_view text) {
  return std::ranges::find(option.words, text) != option.words.end();
}

std::optional<double> parse(const Option& option, std::string_view text) {
  switch (option.type) {
    case OptionType::Integer:
      if (const auto whole = parse_integer(text)) return static_cast<double>(*whole);
      return std::nullopt;
    case OptionType::Duration: return parse_duration(text);
    case OptionType::Bytes: return parse_bytes(text);
    default: return parse_number(text);
  }
}

std::string expectation(const Option& option) {
  std::string words;
  for (const std::string& word : option.words) words += (words.empty() ? "" : ", ") + word;
  const std::string also = words.empty() ? "" : " or one of " + words;
  switch (option.type) {
    case OptionType::Word: return "one of " + words;
    case OptionType::Integer: return "a whole number" + also;
    case OptionType::Number: return "a number" + also;
    case OptionType::Duration: return "a duration such as 90, 30min or 2h" + also;
    case OptionType::Bytes: return "a size such as 4096, 512MiB or 2GiB" + also;
    case OptionType::Flag: return "true or false";
    default: return "a text" + also;
  }
}

bool numeric(OptionType type) {
  return type == OptionType::Integer || type == OptionType::Number || type == OptionType::Duration ||
         type == OptionType::Bytes;
}

}  // namespace

std::string violation(const Option& option, std::string_view text) {
  const std::string wrong = concat(option.name, " must be ", expectation(option), ", got '", text, "'");
  if (text.empty()) return wrong;
  if (is_word(option, text)) return "";
  if (option.type == OptionType::Word) return wrong + suggestion(text, option.words);
  if (option.type == OptionType::Flag) return parse_bool(text) ? "" : wrong;
  if (!numeric(option.type)) return "";
  const auto value = parse(option, text);
  if (!value) return wrong + suggestion(text, option.words);
  if (*value < option.low)
    return concat(option.name, " must be at least ", format_number(option.low), ", got ", text);
  if (*value > option.high)
    return concat(option.name, " must be at most ", format_number(option.high), ", got ", text);
  return "";
}

double number_of(const Option& option, std::string_view text) {
  const std::string problem = violation(option, text);
  if (!problem.empty()) throw InvalidInput(problem);
  const auto value = parse(option, text);
  require(value.has_value(), option.name, " is '", text, "', which is no number");
  return *value;
}

const Option* find_option(const std::vector<Option>& options, std::string_view name) {
  const auto found = std::ranges::find(options, name, &Option::name);
  return found == options.end() ? nullptr : &*found;
}

std::vector<std::string> names_of(const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(option.name);
  return names;
}

}  // namespace regatta
