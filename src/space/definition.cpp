#include "definition.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "expression.hpp"
#include "lattice.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "token.hpp"

namespace regatta::space {
namespace {

/// Up to here a unit coordinate tells whole numbers apart whatever the rounding of its encoding.
constexpr double most_values = 0x1p50;
constexpr double largest_multiple = 0x1p49;
constexpr double largest_log_multiple = 0x1p44;
constexpr double largest_whole = 0x1p53;
constexpr double outermost_deviations = 8.5;  // that a unit coordinate can stand for

struct Distribution {
  std::string_view name;
  Kind kind;
  std::size_t arguments;  // 0: one or more
  std::string_view usage;
};

constexpr std::array<Distribution, 14> distributions{{
    {"uniform", Kind::Uniform, 2, "uniform(low, high)"},
    {"loguniform", Kind::LogUniform, 2, "loguniform(low, high)"},
    {"quniform", Kind::QUniform, 3, "quniform(low, high, step)"},
    {"qloguniform", Kind::QLogUniform, 3, "qloguniform(low, high, step)"},
    {"normal", Kind::Normal, 2, "normal(mean, deviation)"},
    {"lognormal", Kind::LogNormal, 2, "lognormal(mean, deviation)"},
    {"int", Kind::Int, 2, "int(low, high)"},
    {"randint", Kind::Int, 2, "randint(low, high)"},
    {"logint", Kind::LogInt, 2, "logint(low, high)"},
    {"lograndint", Kind::LogInt, 2, "lograndint(low, high)"},
    {"choice", Kind::Choice, 0, "choice(a, b, ...)"},
    {"ordinal", Kind::Ordinal, 0, "ordinal(a, b, ...)"},
    {"constant", Kind::Constant, 1, "constant(value)"},
    {"grid", Kind::Grid, 0, "grid(a, b, ...)"},
}};

struct Argument {
  std::string text;
  bool quoted = false;
};

/// Walks over `distribution(arguments)` by characters, because bare words there may hold more than letters.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  void skip_blanks() {
    while (next_ < text_.size() && trim(text_.substr(next_, 1)).empty()) ++next_;
  }
  bool at_end() const { return next_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[next_]; }
  std::size_t place() const { return next_; }

  std::string word() {
    skip_blanks();
    const std::size_t start = next_;
    while (continues_word(peek())) ++next_;
    return std::string(text_.substr(start, next_ - start));
  }

  bool accept(char c) {
    skip_blanks();
    if (peek() != c) return false;
    ++next_;
    return true;
  }

  Argument argument() {
    skip_blanks();
    if (peek() == '"' || peek() == '\'') return quoted_argument();
    const std::size_t start = next_;
    next_ = std::min(text_.find_first_of(",()\"'", start), text_.size());
    const std::string_view bare = trim(text_.substr(start, next_ - start));
    require(!bare.empty(), "a value is missing", at_character(next_ + 1, text_));
    require(bare.find_first_of(" \t") == std::string_view::npos, "a comma is missing or '", bare,
            "' needs quotes", at_character(start + 1, text_));
    return {std::string(bare)};
  }

 private:
  Argument quoted_argument() {
    const std::size_t end = text_.find(peek(), next_ + 1);
    require(end != std::string_view::npos, "the quote is not closed", at_character(next_ + 1, text_));
    const std::string_view inner = text_.substr(next_ + 1, end - next_ - 1);
    require(!inner.empty(), "a word may not be empty", at_character(next_ + 1, text_));
    next_ = end + 1;
    return {std::string(inner), true};
  }

  std::string_view text_;
  std::size_t next_ = 0;
};

std::vector<std::string> distribution_names() {
  std::vector<std::string> names;
  for (const Distribution& known : distributions) names.emplace_back(known.name);
  return names;
}

const Distribution& find_distribution(const std::string& word) {
  const auto found = std::ranges::find(distributions, word, &Distribution::name);
  if (found != distributions.end()) return *found;
  const std::vector<std::string> names = distribution_names();
  const std::string hint = suggestion(word, names);
  throw InvalidInput(
      concat("unknown distribution '", word, "'", hint.empty() ? "; known are " + join(names, ", ") : hint));
}

std::vector<Argument> arguments_of(Walker& walker, std::string_view text) {
  std::vector<Argument> arguments;
  if (walker.accept(')')) return arguments;
  while (true) {
    arguments.push_back(walker.argument());
    walker.skip_blanks();
    const std::size_t place = walker.place() + 1;
    require(!walker.at_end(), "')' is missing at the end of '", text, "'");
    if (walker.accept(')')) return arguments;
    require(walker.accept(','), "expected ',' or ')'", at_character(place, text));
  }
}

double number_in(const Distribution& distribution, const Argument& argument) {
  const auto number = parse_number(argument.text);
  require(number.has_value() && !argument.quoted, distribution.name, " needs numbers, got '", argument.text,
          "'");
  return *number;
}

double whole_in(const Distribution& distribution, const Argument& argument) {
  const double number = number_in(distribution, argument);
  require(std::floor(number) == number, distribution.name, " needs whole numbers, got ", argument.text);
  std::int64_t exact = 0;
  const char* end = argument.text.data() + argument.text.size();
  const bool digits = std::from_chars(argument.text.data(), end, exact).ptr == end;
  const bool fits =
      std::abs(number) <= largest_whole && (!digits || static_cast<std::int64_t>(number) == exact);
  require(fits, "whole numbers are exact up to 2^53 (9007199254740992) only, got ", argument.text);
  return number;
}

void check_bounds(const Distribution& distribution, const Parameter& parameter) {
  const auto [low, high] = std::pair(parameter.low, parameter.high);
  const std::string range = concat("from ", format_number(low), " to ", format_number(high));
  require(low <= high, "the range of ", distribution.name, " is empty: its low ", format_number(low),
          " is above its high ", format_number(high));
  require(low < high || parameter.discrete(), "the range of ", distribution.name,
          " holds one value only; write constant(", format_number(low), ")");
  const bool logarithmic = parameter.kind == Kind::LogUniform || parameter.kind == Kind::QLogUniform ||
                           parameter.kind == Kind::LogInt;
  require(!logarithmic || low > 0, distribution.name,
          " needs bounds above 0, because it takes their logarithm; got ", format_number(low));
  require(std::isfinite(high - low) && (!logarithmic || std::isfinite(high / low)), "the range ", range,
          " is too wide for a double");
}

void check_step(const Distribution& distribution, const Parameter& parameter) {
  const double q = parameter.step;
  require(q > 0, "the step of ", distribution.name, " must be above 0, got ", format_number(q));
  const Lattice lattice = lattice_of(parameter);
  const bool logarithmic = parameter.kind == Kind::QLogUniform;
  require(lattice.first <= lattice.last, "no multiple of ", format_number(q), " lies from ",
          format_number(parameter.low), " to ", format_number(parameter.high));
  const double most = logarithmic ? largest_log_multiple : largest_multiple;
  require(std::max(std::abs(lattice.first), std::abs(lattice.last)) <= most, "the step ", format_number(q),
          " is too small for the range of ", distribution.name, ": at most ", format_number(most),
          " steps from 0 can be told apart");
}

void check_whole_range(const Distribution& distribution, const Parameter& parameter) {
  require(parameter.kind != Kind::LogInt || parameter.high <= largest_log_multiple, distribution.name,
          " tells whole numbers apart up to 2^44 (17592186044416) only, got ", format_number(parameter.high));
  require(parameter.high - parameter.low < most_values, distribution.name,
          " tells at most 2^50 (1125899906842624) whole numbers apart, got the range from ",
          format_number(parameter.low), " to ", format_number(parameter.high));
}

void check_deviation(const Distribution& distribution, const Parameter& parameter) {
  require(parameter.high > 0, "the deviation of ", distribution.name, " must be above 0, got ",
          format_number(parameter.high));
  const double reach = outermost_deviations * parameter.high;
  const bool logarithmic = parameter.kind == Kind::LogNormal;
  const double most = parameter.low + reach, least = parameter.low - reach;
  const bool finite = logarithmic ? std::isfinite(std::exp(most)) && std::exp(least) > 0
                                  : std::isfinite(most) && std::isfinite(least);
  require(finite, distribution.name, " with mean ", format_number(parameter.low), " and deviation ",
          format_number(parameter.high), " reaches numbers too large or too small for a double",
          logarithmic ? "; its mean and deviation are those of the logarithm" : "");
}

/// `5` is a whole number, `5.0` and `5e0` are numbers, anything else and anything quoted is a word.
Value value_of(const Argument& argument) {
  const auto number = argument.quoted ? std::nullopt : parse_number(argument.text);
  if (!number) return argument.text;
  const auto whole = parse_integer(argument.text);
  if (whole && argument.text.find_first_of(".eE") == std::string::npos) return *whole;
  return *number;
}

std::vector<Value> values_of(const Distribution& distribution, const std::vector<Argument>& arguments) {
  std::vector<Value> values;
  std::set<std::string> seen;
  for (const Argument& argument : arguments) {
    values.push_back(value_of(argument));
    require(seen.insert(to_text(values.back())).second, distribution.name, " holds the value '",
            to_text(values.back()), "' twice");
  }
  return values;
}

void fill(Parameter& parameter, const Distribution& distribution, const std::vector<Argument>& arguments) {
  const bool whole = parameter.kind == Kind::Int || parameter.kind == Kind::LogInt;
  if (parameter.categorical()) {
    parameter.categories = values_of(distribution, arguments);
    return;
  }
  const auto read = whole ? whole_in : number_in;
  parameter.low = read(distribution, arguments[0]);
  parameter.high = read(distribution, arguments[1]);
  if (arguments.size() > 2) parameter.step = read(distribution, arguments[2]);
  if (parameter.kind == Kind::Normal || parameter.kind == Kind::LogNormal) {
    check_deviation(distribution, parameter);
    return;
  }
  check_bounds(distribution, parameter);
  if (whole) check_whole_range(distribution, parameter);
  if (arguments.size() > 2) check_step(distribution, parameter);
}

}  // namespace

ParsedDefinition parse_definition(std::string_view name, std::string_view text) {
  Walker walker(text);
  const std::string word = walker.word();
  require(!word.empty() && walker.accept('('), "expected a distribution such as uniform(0, 1), got '", text,
          "'; write constant(...) for a fixed value");
  const Distribution& distribution = find_distribution(word);
  const std::vector<Argument> arguments = arguments_of(walker, text);
  require(!arguments.empty() || distribution.arguments > 0, distribution.name,
          " needs at least one value: ", distribution.usage);
  require(distribution.arguments == 0 || arguments.size() == distribution.arguments, distribution.name,
          " needs ", distribution.arguments, distribution.arguments == 1 ? " value, " : " values, ",
          distribution.usage, ", got ", arguments.size());

  ParsedDefinition result;
  result.parameter.name = name;
  result.parameter.kind = distribution.kind;
  fill(result.parameter, distribution, arguments);
  result.parameter.definition = trim(text.substr(0, walker.place()));
  walker.skip_blanks();
  if (walker.at_end()) return result;

  const std::size_t rest = walker.place();
  require(walker.word() == "if", "only 'if' and a condition may follow the distribution",
          at_character(rest + 1, text));
  result.condition_offset = walker.place();
  result.parameter.condition = trim(text.substr(walker.place()));
  return result;
}

std::string name_violation(std::string_view name) {
  if (name.empty() || !starts_word(name.front()) || !std::ranges::all_of(name, continues_word))
    return concat("a name is made of letters, digits and _ and starts with no digit, got '", name, "'");
  if (is_reserved(name)) return concat("'", name, "' is a word of the space language and cannot be a name");
  return {};
}

double entry_of(const Parameter& parameter, std::string_view text) {
  text = trim(text);
  const auto number = parse_number(text);
  if (!parameter.categorical()) {
    require(number.has_value(), "'", parameter.name, "' needs a number, got '", text, "'");
    const bool snaps = parameter.discrete() && parameter.step > 0;
    const double entry = snaps ? lattice_of(parameter).at(std::round(*number / parameter.step)) : *number;
    const bool close = std::abs(entry - *number) <= 1e-9 * std::max(parameter.step, std::abs(*number));
    require(close && parameter.contains(entry), "'", parameter.name, "' = ", text, " lies outside ",
            parameter.definition);
    return entry;
  }
  const bool quoted =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
  const Value wanted = value_of({std::string(quoted ? text.substr(1, text.size() - 2) : text), quoted});
  std::vector<std::string> texts;
  for (const Value& value : parameter.categories) texts.push_back(to_text(value));
  const auto found = std::ranges::find(texts, to_text(wanted));
  if (found == texts.end())
    throw InvalidInput(concat("'", text, "' is no value of '", parameter.name, "' (", listed(parameter), ")",
                              suggestion(text, texts)));
  return static_cast<double>(found - texts.begin());
}

}  // namespace regatta::space
