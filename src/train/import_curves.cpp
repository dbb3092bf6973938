#include "regatta/train/import_curves.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "import_table.hpp"
#include "import_texts.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t most_listed = 64;  ///< different numbers that become a list
constexpr std::size_t most_choices = 256;

void refuse_packed(const std::filesystem::path& file) {
  require(file.extension() != ".gz", file.string(), ": is packed by gzip, unpack it first: gunzip ",
          file.string());
}

/// A number, or what programs write for one that is none: diverged.
std::optional<double> curve_number(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (small == "inf" || small == "infinity") return infinity;
  if (small == "-inf" || small == "-infinity") return -infinity;
  if (small.empty() || small == "nan") return std::numeric_limits<double>::quiet_NaN();
  return parse_number(text);
}

double curve_number_at(const TextTable& table, std::size_t row, std::size_t column) {
  const auto number = curve_number(table.field(row, column));
  require(number.has_value(), table.file(), ":", table.line(row), ": ", table.title(column), " holds '",
          table.field(row, column), "', expected a number, nan or inf");
  return *number;
}

/// The columns named in `text`, separated by commas; y* stands for all whose name starts with y.
std::vector<std::size_t> columns_named(const TextTable& table, const std::string& text) {
  std::vector<std::size_t> columns;
  for (const std::string& name : split(text, ',')) {
    if (!name.ends_with('*')) {
      columns.push_back(table.column_of(name));
      continue;
    }
    const std::string start = name.substr(0, name.size() - 1);
    const std::size_t before = columns.size();
    for (std::size_t column = 0; column < table.names().size(); ++column)
      if (table.names()[column].starts_with(start)) columns.push_back(column);
    require(columns.size() > before, table.file(), ": has no column whose name starts with '", start, "'");
  }
  return columns;
}

std::vector<double> numbers_of(const TextTable& table, std::size_t column, std::size_t rows) {
  std::vector<double> numbers;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto number = parse_number(table.field(row, column));
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

/// `values` as the arguments of a list, and each row's place among them.
template <class T, class Text>
CurveColumn listed(const std::string& kind, const std::vector<T>& rows, const Text& text_of) {
  const std::set<T> different(rows.begin(), rows.end());
  const std::vector<T> values(different.begin(), different.end());
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(text_of(value));
  CurveColumn column;
  column.definition = concat(values.size() == 1 ? "constant" : kind, "(", join(texts, ", "), ")");
  for (const T& value : rows)
    column.entries.push_back(static_cast<double>(std::ranges::lower_bound(values, value) - values.begin()));
  return column;
}

std::string quoted_where_needed(const std::string& word) {
  const bool plain = !parse_number(word) && word.find_first_of(" \t,()#") == std::string::npos;
  return plain ? word : "\"" + word + "\"";
}

CurveColumn word_column(const TextTable& table, std::size_t index, std::size_t rows) {
  std::vector<std::string> words;
  std::set<std::string_view> different;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::string_view word = table.field(row, index);
    require(!word.empty() && word.find_first_of("\"'") == std::string_view::npos, table.file(), ":",
            table.line(row), ": ", table.title(index), " holds '", word, "', expected a word without quotes");
    words.emplace_back(word);
    different.insert(word);
    require(different.size() <= most_choices, table.file(), ": ", table.title(index), " holds more than ",
            most_choices, " different words; leave it out with ignore=NAME");
  }
  return listed("choice", words, quoted_where_needed);
}

/// `number` with two significant digits, not above it (`up`: not below it).
double rounded(double number, bool up) {
  if (number == 0) return 0;
  const double digits = 1 - std::floor(std::log10(std::abs(number)));
  const double scale = std::pow(10, std::abs(digits));
  const double units = digits < 0 ? number / scale : number * scale;
  const double whole = up ? std::ceil(units) : std::floor(units);
  const double result = digits < 0 ? whole * scale : whole / scale;
  const bool outwards = std::isfinite(result) && (up ? result >= number : result <= number);
  return outwards ? result : number;
}

CurveColumn number_column(const std::vector<double>& numbers, bool logarithmic) {
  const std::set<double> different(numbers.begin(), numbers.end());
  const bool repeat = different.size() == 1 || 2 * different.size() <= numbers.size();
  if (different.size() <= most_listed && repeat) return listed("ordinal", numbers, format_number);
  const bool whole = std::ranges::all_of(numbers, [](double number) { return number == std::floor(number); });
  CurveColumn column;
  const double low = *different.begin(), high = *different.rbegin();
  column.definition = concat(logarithmic ? "log" : "", whole ? "int" : "uniform", "(",
                             format_number(whole ? low : rounded(low, false)), ", ",
                             format_number(whole ? high : rounded(high, true)), ")");
  column.entries = numbers;
  return column;
}

/// The first `rows` lines of a file with one line for each of `all` configurations.
std::vector<double> read_curves(const std::filesystem::path& file, std::size_t all, std::size_t rows,
                                std::size_t& epochs) {
  refuse_packed(file);
  const TextTable table(file, Header::No);
  require(table.rows() == all, file.string(), ": has ", table.rows(), " lines for ", all, " configurations");
  epochs = table.columns();
  std::vector<double> numbers;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < epochs; ++column)
      numbers.push_back(curve_number_at(table, row, column));
  return numbers;
}

void read_objective(const OptionTexts& texts, const TextTable& source,
                    const std::vector<std::size_t>& repeats, CurveTable& table) {
  require(texts.given("objective") != !repeats.empty(),
          "command line: either objective=FILE or repeats=COLUMNS tells what the configurations have given");
  if (texts.given("objective")) {
    table.objective = read_curves(texts.text("objective"), source.rows(), table.rows, table.epochs);
    return;
  }
  table.repeats = repeats.size();
  for (std::size_t row = 0; row < table.rows; ++row)
    for (const std::size_t column : repeats) table.repeated.push_back(curve_number_at(source, row, column));
  table.objective = means_of_repeats(table.repeated, table.repeats);
}

void read_seconds(const std::filesystem::path& file, std::size_t all, CurveTable& table) {
  std::size_t epochs = 0;
  table.seconds = read_curves(file, all, table.rows, epochs);
  require(epochs == table.epochs, file.string(), ": has ", epochs, " numbers per line, the objective has ",
          table.epochs, " epochs");
  for (std::size_t i = 0; i < table.seconds.size(); ++i)
    if (i % epochs > 0) table.seconds[i] = std::max(table.seconds[i], table.seconds[i - 1]);
}

}  // namespace

std::vector<Option> curve_options() {
  return {
      {"objective", OptionType::Path, "",
       "file with the metric after each epoch: one line per configuration"},
      {"repeats", OptionType::Text, "", "or: columns with the metric of repeated trainings, such as y_seed*"},
      {"seconds", OptionType::Path, "", "file with the seconds from the start to the end of each epoch"},
      {"ignore", OptionType::Text, "", "names or numbers of columns to leave out"},
      {"log", OptionType::Text, "", "names or numbers of columns that vary on a logarithmic scale"},
      {"rows", OptionType::Integer, "all", "so many configurations from the start", {"all"}, 1},
      {"metric", OptionType::Text, "value", "name of the metric"},
      {"direction", OptionType::Word, "minimize", "of the metric", {"minimize", "maximize"}},
      {"origin", OptionType::Text, "", "where the table comes from, kept in the file"},
      {"licence", OptionType::Text, "", "under which it may be used, kept in the file"},
  };
}

CurveTable import_curves(const std::filesystem::path& configurations,
                         const std::map<std::string, std::string>& options) {
  const OptionTexts texts(curve_options(), options);
  refuse_packed(configurations);
  const TextTable source(configurations, Header::Yes);
  CurveTable table;
  table.rows = source.rows();
  if (texts.text("rows") != "all")
    table.rows = std::min(table.rows, static_cast<std::size_t>(texts.number("rows")));
  const std::vector<std::size_t> repeats = columns_named(source, texts.text("repeats"));
  std::set<std::size_t> left_out(repeats.begin(), repeats.end());
  for (const std::size_t column : columns_named(source, texts.text("ignore"))) left_out.insert(column);
  const std::vector<std::size_t> logarithmic = columns_named(source, texts.text("log"));
  for (std::size_t index = 0; index < source.columns(); ++index) {
    if (left_out.contains(index)) continue;
    const std::vector<double> numbers = numbers_of(source, index, table.rows);
    table.columns.push_back(numbers.empty()
                                ? word_column(source, index, table.rows)
                                : number_column(numbers, std::ranges::count(logarithmic, index) > 0));
    table.columns.back().name = source.names()[index];
  }
  read_objective(texts, source, repeats, table);
  if (texts.given("seconds")) read_seconds(texts.text("seconds"), source.rows(), table);
  table.metric = texts.text("metric");
  table.maximize = texts.text("direction") == "maximize";
  table.origin = texts.text("origin");
  table.licence = texts.text("licence");
  check_curve_table(table, configurations.string());
  return table;
}

}  // namespace regatta::train
