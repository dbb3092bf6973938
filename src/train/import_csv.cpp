#include <algorithm>
#include <cfloat>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "import_samples.hpp"
#include "import_table.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/train/import.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t most_problems = 20;       ///< that one import tells
constexpr std::size_t most_words = 256;         ///< of a feature: more is a name or an identifier
constexpr std::size_t most_whole_numbers = 50;  ///< different targets that are still taken for classes

using Words = std::map<std::string, std::int32_t, std::less<>>;  ///< word to number, from 0

bool is_missing(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static const std::set<std::string> marks{"", "?", "na", "n/a", "nan", "null"};
  return marks.contains(small);
}

/// The problems of a file's fields; throws them together.
class FieldProblems {
 public:
  void add(const TextTable& table, std::size_t row, std::size_t column, const std::string& rule) {
    const std::string text(table.field(row, column));
    const std::string what =
        is_missing(text) ? "is empty" + (text.empty() ? "" : " ('" + text + "')") : "holds '" + text + "'";
    problems_.push_back(
        {{table.file(), table.line(row)}, table.title(column) + " " + what + ", expected " + rule});
    if (problems_.size() == most_problems) raise();
  }
  void raise() const {
    if (!problems_.empty()) throw InvalidInputs(problems_);
  }

 private:
  Problems problems_;
};

/// What the columns of a table mean; found in the training file, used for all files.
struct Columns {
  std::vector<std::size_t> features, targets;
  std::vector<Words> words;  ///< per feature; empty: numbers
  bool classification = false;
  bool numeric_classes = false;
  Words classes;  ///< by class_key
  std::vector<std::string> class_names;

  std::size_t width() const {
    std::size_t sum = 0;
    for (const Words& column : words) sum += std::max<std::size_t>(1, column.size());
    return sum;
  }
  /// Equal for "1" and "1.0" where classes are numbers.
  std::string class_key(std::string_view text) const {
    const auto number = numeric_classes ? parse_number(text) : std::nullopt;
    return number ? format_number(*number) : std::string(text);
  }
};

bool all_numbers(const TextTable& table, std::size_t column) {
  for (std::size_t row = 0; row < table.rows(); ++row)
    if (const auto text = table.field(row, column); !is_missing(text) && !parse_number(text)) return false;
  return true;
}

/// Whole numbers with few different values, each of them twice or more on average.
bool looks_like_classes(const TextTable& table, std::size_t column) {
  std::set<double> values;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto number = parse_number(table.field(row, column));
    if (!number) continue;
    if (*number != std::floor(*number)) return false;
    values.insert(*number);
    if (values.size() > most_whole_numbers) return false;
  }
  return 2 * values.size() <= table.rows();
}

bool is_classification(const TextTable& table, const std::vector<std::size_t>& targets, Task task) {
  require(task != Task::Classification || targets.size() == 1, table.file(),
          ": a classification has one target, got ", targets.size());
  if (task != Task::Auto) return task == Task::Classification;
  if (targets.size() > 1) return false;
  return !all_numbers(table, targets.front()) || looks_like_classes(table, targets.front());
}

void find_classes(const TextTable& table, Columns& columns) {
  const std::size_t target = columns.targets.front();
  columns.numeric_classes = all_numbers(table, target);
  std::set<std::string> keys;
  for (std::size_t row = 0; row < table.rows(); ++row)
    if (const auto text = table.field(row, target); !is_missing(text)) keys.insert(columns.class_key(text));
  columns.class_names.assign(keys.begin(), keys.end());
  if (columns.numeric_classes)
    std::ranges::sort(columns.class_names, {}, [](const std::string& key) { return *parse_number(key); });
  for (const std::string& name : columns.class_names)
    columns.classes.emplace(name, static_cast<std::int32_t>(columns.classes.size()));
  require(columns.class_names.size() >= 2, table.file(), ": ", table.title(target), " has ",
          columns.class_names.size(), " class, expected at least 2");
}

/// With a decimal comma, "1,5" is still meant as a number.
bool is_meant_as_number(std::string_view text) {
  std::string pointed(text);
  std::ranges::replace(pointed, ',', '.');
  return parse_number(pointed).has_value();
}

/// The words of a column with more words than numbers; none for a column of numbers.
Words find_words(const TextTable& table, std::size_t column) {
  std::set<std::string> found;
  std::size_t words_seen = 0, numbers_seen = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto text = table.field(row, column);
    if (is_missing(text)) continue;
    if (is_meant_as_number(text)) {
      ++numbers_seen;
      continue;
    }
    ++words_seen;
    if (found.size() <= most_words) found.emplace(text);
  }
  if (words_seen <= numbers_seen) return {};
  require(found.size() <= most_words, table.file(), ": ", table.title(column), " holds more than ",
          most_words, " different words; leave it out with ignore=",
          table.names().empty() ? std::to_string(column + 1) : table.names()[column]);
  Words words;
  for (const std::string& word : found) words.emplace(word, static_cast<std::int32_t>(words.size()));
  return words;
}

Columns find_columns(const TextTable& table, const CsvOptions& options) {
  Columns columns;
  for (const std::string& name : options.targets) columns.targets.push_back(table.column_of(name));
  if (columns.targets.empty()) columns.targets = {table.columns() - 1};
  std::set<std::size_t> taken(columns.targets.begin(), columns.targets.end());
  require(taken.size() == columns.targets.size(), table.file(), ": a column is named twice as target");
  for (const std::string& name : options.ignored)
    require(taken.insert(table.column_of(name)).second, table.file(), ": ",
            table.title(table.column_of(name)), " is ignored, but also a target or ignored before");
  for (std::size_t column = 0; column < table.columns(); ++column)
    if (!taken.contains(column)) columns.features.push_back(column);
  require(!columns.features.empty(), table.file(), ": no column is left as a feature");
  for (const std::size_t column : columns.features) columns.words.push_back(find_words(table, column));
  columns.classification = is_classification(table, columns.targets, options.task);
  if (columns.classification) find_classes(table, columns);
  return columns;
}

std::optional<double> float_of(std::string_view text) {
  const auto number = parse_number(text);
  return number && std::abs(*number) <= static_cast<double>(FLT_MAX) ? number : std::nullopt;
}

/// Reads the fields of one file as `columns` says.
class SampleReader {
 public:
  SampleReader(const TextTable& table, const Columns& columns) : table_(table), columns_(columns) {}

  RawSamples read() {
    samples_.rows = table_.rows();
    samples_.x.reserve(table_.rows() * columns_.width());
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      for (std::size_t i = 0; i < columns_.features.size(); ++i) add_feature(row, i);
      for (const std::size_t column : columns_.targets) add_target(row, column);
    }
    problems_.raise();
    return std::move(samples_);
  }

 private:
  void add_feature(std::size_t row, std::size_t feature) {
    const std::size_t column = columns_.features[feature];
    const Words& words = columns_.words[feature];
    if (words.empty()) {
      samples_.x.push_back(number(row, column));
      return;
    }
    const auto found = words.find(table_.field(row, column));
    if (found == words.end())
      problems_.add(table_, row, column, "one of the words of this column: " + listed(words));
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(words.size()); ++i)
      samples_.x.push_back(found != words.end() && found->second == i ? 1.0 : 0.0);
  }

  void add_target(std::size_t row, std::size_t column) {
    if (!columns_.classification) {
      samples_.values.push_back(number(row, column));
      return;
    }
    const auto found = columns_.classes.find(columns_.class_key(table_.field(row, column)));
    if (found == columns_.classes.end())
      problems_.add(table_, row, column, "one of the classes: " + listed(columns_.classes));
    samples_.labels.push_back(found == columns_.classes.end() ? 0 : found->second);
  }

  double number(std::size_t row, std::size_t column) {
    const auto value = float_of(table_.field(row, column));
    if (!value) problems_.add(table_, row, column, "a number such as 1.5");
    return value.value_or(0.0);
  }

  static std::string listed(const Words& words) {
    std::string text;
    std::size_t count = 0;
    for (const auto& [word, number] : words) {
      if (++count > 10) return text + ", ...";
      text += (text.empty() ? "" : ", ") + word;
    }
    return text;
  }

  const TextTable& table_;
  const Columns& columns_;
  FieldProblems problems_;
  RawSamples samples_;
};

RawSamples read_test_file(const CsvOptions& options, const TextTable& table, const Columns& columns) {
  if (options.test_file.empty()) return {};
  const TextTable test(options.test_file, options.header);
  require(test.columns() == table.columns(), test.file(), ":", test.line(0), ": has ", test.columns(),
          " fields, expected ", table.columns(), " as in ", table.file());
  require(test.names().empty() || table.names().empty() || test.names() == table.names(), test.file(),
          ":1: its columns are not named as those of ", table.file());
  return SampleReader(test, columns).read();
}

std::vector<std::size_t> sample_shape(const CsvOptions& options, const TextTable& table,
                                      std::size_t features) {
  if (options.shape.empty()) return {features};
  const std::size_t values =
      std::accumulate(options.shape.begin(), options.shape.end(), std::size_t{1}, std::multiplies<>());
  require(values == features, table.file(), ": has ", features, " features, the shape asked for holds ",
          values);
  return options.shape;
}

}  // namespace

TableSet import_csv(const CsvOptions& options) {
  const TextTable table(options.file, options.header);
  const Columns columns = find_columns(table, options);
  const RawSamples samples = SampleReader(table, columns).read();
  const RawSamples test = read_test_file(options, table, columns);
  TableSet data;
  data.shape = sample_shape(options, table, columns.width());
  data.classes = columns.class_names.size();
  data.outputs = columns.classification ? 0 : columns.targets.size();
  data.class_names = columns.class_names;
  split_and_scale(samples, test, options, options.scale_targets, data);
  check_dataset(data);
  return data;
}

}  // namespace regatta::train
