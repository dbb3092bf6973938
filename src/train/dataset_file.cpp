#include "dataset_file.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/train/dataset.hpp"

namespace regatta::train {
namespace {

constexpr double most_classes = 1e6;
constexpr double most_tokens = 16777216;  ///< that a float counts one by one

std::string x_of(std::size_t split) { return concat('/', split_names[split], "/x"); }
std::string y_of(std::size_t split) { return concat('/', split_names[split], "/y"); }
std::string lengths_of(std::size_t split) { return concat('/', split_names[split], "/lengths"); }

std::string dimensions_text(std::span<const std::size_t> lengths) {
  std::string text;
  for (const std::size_t length : lengths) text += (text.empty() ? "" : " x ") + std::to_string(length);
  return text.empty() ? "no dimensions" : text;
}

std::string optional_text(const h5::File& file, std::string_view name) {
  return file.has_attribute("/", name) ? file.text_attribute("/", name) : "";
}

}  // namespace

DatasetFile::DatasetFile(const std::filesystem::path& path) : path_(path), file_(h5::File::open(path)) {
  const std::string version = optional_text(file_, "regatta_data");
  require(version.empty() || version == "1", where("/"), ": its attribute regatta_data is '", version,
          "', this version of Regatta reads '1'");
  read_task();
  read_tokens();
  for (std::size_t split = 0; split < split_names.size(); ++split) check_split(split);
  require(head_.rows[0] > 0, where("/train/x"), ": has no rows");
  head_.origin = optional_text(file_, "origin");
  head_.licence = optional_text(file_, "licence");
}

std::string DatasetFile::where(std::string_view path) const { return concat(path_.string(), ": ", path); }

void DatasetFile::read_task() {
  for (const char* const path : {"/train/x", "/train/y"})
    require(file_.exists(path), where(path), ": is missing");
  const std::string found = file_.is_floating("/train/y") ? "regression" : "classification";
  const std::string stated = optional_text(file_, "task");
  const std::string task = stated.empty() ? found : stated;
  require(task == "classification" || task == "regression", where("/"),
          ": its attribute task must be classification or regression, got '", task, "'");
  if (task == "classification") read_class_count();
}

void DatasetFile::read_class_count() {
  if (file_.exists("/class_names")) head_.class_names = file_.read_strings("/class_names");
  const bool stated = file_.has_attribute("/", "classes");
  require(
      stated || !head_.class_names.empty(), where("/"),
      ": a classification needs the attribute classes (the number of classes) or the dataset /class_names");
  const double classes =
      stated ? file_.number_attribute("/", "classes") : static_cast<double>(head_.class_names.size());
  require(classes >= 2.0 && classes <= most_classes && classes == std::floor(classes), where("/"),
          ": its attribute classes must be a whole number of at least 2, got ", format_number(classes));
  head_.classes = static_cast<std::size_t>(classes);
  require(head_.class_names.empty() || head_.class_names.size() == head_.classes, where("/class_names"),
          ": has ", head_.class_names.size(), " names for ", head_.classes, " classes");
}

void DatasetFile::read_tokens() {
  if (!file_.has_attribute("/", "tokens")) return;
  const double tokens = file_.number_attribute("/", "tokens");
  require(tokens >= 1.0 && tokens <= most_tokens && tokens == std::floor(tokens), where("/"),
          ": its attribute tokens must be a whole number from 1 to ", format_number(most_tokens), ", got ",
          format_number(tokens));
  head_.tokens = static_cast<std::size_t>(tokens);
}

void DatasetFile::check_split(std::size_t split) {
  const std::string path = x_of(split);
  if (!file_.exists(path)) {
    require(!file_.exists(y_of(split)), where(path), ": is missing beside ", y_of(split));
    return;
  }
  std::vector<std::size_t> lengths = file_.shape(path);
  require(lengths.size() >= 2 && lengths.size() <= most_dimensions + 1, where(path),
          ": must be rows x features (or rows x the shape of a sample), got ", dimensions_text(lengths));
  file_.is_floating(path);  // refuses what is no number
  head_.rows[split] = lengths.front();
  lengths.erase(lengths.begin());
  if (split == 0) {
    head_.shape = lengths;
    head_.features = 1;
    for (const std::size_t length : lengths) head_.features *= length;
    require(head_.features > 0, where(path), ": its samples have no features");
    require(head_.tokens == 0 || lengths.size() == 1, where(path),
            ": sequences of tokens must be rows x steps, got samples of ", dimensions_text(lengths));
  }
  require(lengths == head_.shape, where(path), ": its samples are ", dimensions_text(lengths),
          ", those of /train/x are ", dimensions_text(head_.shape));
  check_targets(split);
  check_lengths(split);
}

void DatasetFile::check_targets(std::size_t split) {
  const std::string path = y_of(split);
  require(file_.exists(path), where(path), ": is missing");
  const bool floating = file_.is_floating(path);
  require(!floating || head_.classes == 0, where(path),
          ": labels must be stored as integers, got floating-point numbers");
  const std::vector<std::size_t> lengths = file_.shape(path);
  require(lengths.size() == 1 || lengths.size() == 2, where(path), ": must be rows or rows x outputs, got ",
          dimensions_text(lengths));
  require(lengths.front() == head_.rows[split], where(path), ": has ", lengths.front(), " rows, ",
          x_of(split), " has ", head_.rows[split]);
  const std::size_t outputs = lengths.size() == 2 ? lengths[1] : 1;
  if (head_.classes > 0) {
    const std::size_t steps = steps_of(head_.shape, head_.tokens);
    require(outputs == 1 || outputs == steps, where(path), ": must be one label per row",
            steps > 0 ? concat(", or one for each of its ", steps, " steps") : "", ", got ", outputs);
    if (split == 0) head_.labels_per_sample = outputs;
    require(outputs == head_.labels_per_sample, where(path), ": has ", outputs,
            " labels per row, /train/y has ", head_.labels_per_sample);
    return;
  }
  if (split == 0) head_.outputs = outputs;
  require(outputs > 0, where(path), ": its samples have no targets");
  require(outputs == head_.outputs, where(path), ": has ", outputs, " targets per row, /train/y has ",
          head_.outputs);
}

void DatasetFile::check_lengths(std::size_t split) {
  const std::string path = lengths_of(split);
  head_.has_lengths[split] = file_.exists(path);
  if (!head_.has_lengths[split]) return;
  require(steps_of(head_.shape, head_.tokens) > 0, where(path),
          ": only sequences have lengths: samples of steps x channels, or of tokens, got ",
          dimensions_text(head_.shape));
  require(!file_.is_floating(path), where(path), ": must be whole numbers");
  const std::vector<std::size_t> lengths = file_.shape(path);
  require(lengths.size() == 1 && lengths.front() == head_.rows[split], where(path), ": must be one per row (",
          head_.rows[split], "), got ", dimensions_text(lengths));
}

std::size_t DatasetFile::block_rows(std::size_t split) const {
  constexpr std::size_t wanted = std::size_t{1} << 20, most = std::size_t{16} << 20;  // [bytes]
  const std::size_t row_bytes = head_.features * sizeof(float);
  const std::size_t rows = std::max<std::size_t>(wanted / row_bytes, 1),
                    chunk = file_.chunk_rows(x_of(split));
  return chunk == 0 || chunk > most / row_bytes ? rows : (rows + chunk - 1) / chunk * chunk;
}

void DatasetFile::read_x(std::size_t split, std::size_t first, std::span<float> x) const {
  if (x.empty()) return;
  file_.read_rows(x_of(split), first, x.size() / head_.features, x);
  check_finite(x, head_.features, where(x_of(split)), first);
  if (head_.tokens > 0) check_tokens(x, head_.features, head_.tokens, where(x_of(split)), first);
}

void DatasetFile::read_lengths(std::size_t split, std::span<std::int32_t> lengths) const {
  if (lengths.empty()) return;
  file_.read_rows(lengths_of(split), 0, head_.rows[split], lengths);
  train::check_lengths(lengths, head_.shape.front(), where(lengths_of(split)));
}

void DatasetFile::read_labels(std::size_t split, std::span<std::int32_t> labels) const {
  if (labels.empty()) return;
  file_.read_rows(y_of(split), 0, head_.rows[split], labels);
  check_labels(labels, head_.labels_per_sample, head_.classes, where(y_of(split)));
}

void DatasetFile::read_values(std::size_t split, std::span<float> values) const {
  if (values.empty()) return;
  file_.read_rows(y_of(split), 0, head_.rows[split], values);
  check_finite(values, head_.outputs, where(y_of(split)));
}

void DatasetFile::check_padding(std::size_t split, std::span<const std::int32_t> labels,
                                std::span<const std::int32_t> lengths) const {
  if (head_.labels_per_sample > 1) train::check_padding(labels, lengths, where(y_of(split)));
}

void check_finite(std::span<const float> numbers, std::size_t per_row, std::string_view where,
                  std::size_t first) {
  const auto bad = std::ranges::find_if_not(numbers, [](float number) { return std::isfinite(number); });
  if (bad == numbers.end()) return;
  const auto row = first + static_cast<std::size_t>(bad - numbers.begin()) / per_row;
  throw InvalidInput(concat(where, ": row ", row, " (from 0) holds ", *bad, ", expected finite numbers"));
}

void check_labels(std::span<const std::int32_t> labels, std::size_t per_row, std::size_t classes,
                  std::string_view where) {
  const std::int32_t least = per_row > 1 ? no_label : 0;
  const auto bad = std::ranges::find_if(labels, [&](std::int32_t label) {
    return label < least || (label >= 0 && static_cast<std::size_t>(label) >= classes);
  });
  if (bad == labels.end()) return;
  throw InvalidInput(concat(where, ": row ", static_cast<std::size_t>(bad - labels.begin()) / per_row,
                            " (from 0) holds label ", *bad, ", expected ", least, " .. ", classes - 1));
}

void check_lengths(std::span<const std::int32_t> lengths, std::size_t steps, std::string_view where) {
  const auto bad = std::ranges::find_if(
      lengths, [&](std::int32_t length) { return length < 1 || static_cast<std::size_t>(length) > steps; });
  if (bad == lengths.end()) return;
  throw InvalidInput(concat(where, ": row ", bad - lengths.begin(), " (from 0) has length ", *bad,
                            ", expected 1 .. ", steps));
}

void check_padding(std::span<const std::int32_t> labels, std::span<const std::int32_t> lengths,
                   std::string_view where) {
  const std::size_t steps = lengths.empty() ? 0 : labels.size() / lengths.size();
  for (std::size_t row = 0; row < lengths.size(); ++row)
    for (auto step = static_cast<std::size_t>(lengths[row]); step < steps; ++step)
      require(labels[row * steps + step] == no_label, where, ": row ", row, " (from 0) has a label at step ",
              step, " behind its length ", lengths[row], ", expected ", no_label);
}

void check_tokens(std::span<const float> x, std::size_t per_row, std::size_t tokens, std::string_view where,
                  std::size_t first) {
  const auto bad = std::ranges::find_if(x, [&](float token) {
    return token < 0 || token >= static_cast<float>(tokens) || token != std::floor(token);
  });
  if (bad == x.end()) return;
  throw InvalidInput(concat(where, ": row ", first + static_cast<std::size_t>(bad - x.begin()) / per_row,
                            " (from 0) holds ", *bad, ", expected a token 0 .. ", tokens - 1));
}

std::size_t steps_of(std::span<const std::size_t> shape, std::size_t tokens) {
  const bool sequence = tokens > 0 ? shape.size() == 1 : shape.size() == 2;
  return sequence ? shape.front() : 0;
}

}  // namespace regatta::train
