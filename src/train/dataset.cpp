#include "regatta/train/dataset.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <system_error>

#include "dataset_file.hpp"
#include "leader_problem.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/h5/file.hpp"

namespace regatta::train {
namespace {

/// First block that a node shares: what the leader found, so that the others know what to expect.
struct Prologue : LeaderProblem {
  std::uint64_t rows[split_names.size()];
  bool has_lengths[split_names.size()];
  bool stays;  ///< x, in the file
  std::uint64_t dimensions, shape[most_dimensions];
  std::uint64_t features, classes, outputs, tokens, labels_per_sample, text_bytes;

  void describe(const DatasetHead& head, std::size_t bytes_of_text) {
    std::ranges::copy(head.rows, rows);
    std::ranges::copy(head.has_lengths, has_lengths);
    dimensions = head.shape.size();
    std::ranges::copy(head.shape, shape);
    features = head.features;
    classes = head.classes;
    outputs = head.outputs;
    tokens = head.tokens;
    labels_per_sample = head.labels_per_sample;
    text_bytes = bytes_of_text;
  }
};

/// Cuts one block into 64-byte aligned parts, alike on every rank of a node.
class Carver {
 public:
  explicit Carver(std::span<std::byte> block) : block_(block) {}

  template <class T>
  std::span<T> take(std::size_t count) {
    const std::size_t start = used_;
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    if (block_.empty() || count == 0) return {};
    return {reinterpret_cast<T*>(block_.data() + start), count};
  }
  std::size_t used() const { return used_; }

 private:
  std::span<std::byte> block_;
  std::size_t used_ = 0;
};

struct SplitSpans {
  std::span<float> x;
  std::span<std::int32_t> labels;
  std::span<float> values;
  std::span<std::int32_t> lengths;
};

struct Spans {
  std::array<SplitSpans, split_names.size()> splits;
  std::span<char> text;
  std::size_t bytes = 0;
};

Spans carve(const Prologue& prologue, std::span<std::byte> block) {
  Carver carver(block);
  Spans spans;
  for (std::size_t i = 0; i < split_names.size(); ++i) {
    const std::size_t rows = prologue.rows[i];
    spans.splits[i].x = carver.take<float>(prologue.stays ? 0 : rows * prologue.features);
    spans.splits[i].labels =
        carver.take<std::int32_t>(prologue.classes > 0 ? rows * prologue.labels_per_sample : 0);
    spans.splits[i].values = carver.take<float>(rows * prologue.outputs);
    spans.splits[i].lengths = carver.take<std::int32_t>(prologue.has_lengths[i] ? rows : 0);
  }
  spans.text = carver.take<char>(prologue.text_bytes);
  spans.bytes = carver.used();
  return spans;
}

/// Origin, licence and class names, each ended by a zero.
std::string packed_texts(const DatasetHead& head) {
  std::string text = head.origin + '\0' + head.licence + '\0';
  for (const std::string& name : head.class_names) text += name + '\0';
  return text;
}

std::vector<std::string> unpacked_texts(std::span<const char> text) {
  std::vector<std::string> parts;
  for (auto start = text.begin(); start != text.end();) {
    const auto end = std::find(start, text.end(), '\0');
    parts.emplace_back(start, end);
    start = end == text.end() ? end : end + 1;
  }
  return parts;
}

void read_numbers(const DatasetFile& file, const Spans& spans) {
  for (std::size_t i = 0; i < split_names.size(); ++i) {
    file.read_x(i, 0, spans.splits[i].x);
    file.read_labels(i, spans.splits[i].labels);
    file.read_values(i, spans.splits[i].values);
    file.read_lengths(i, spans.splits[i].lengths);
    file.check_padding(i, spans.splits[i].labels, spans.splits[i].lengths);
  }
}

Dataset views(const Prologue& prologue, const Spans& spans) {
  Dataset data;
  data.features = prologue.features;
  data.classes = prologue.classes;
  data.outputs = prologue.outputs;
  data.tokens = prologue.tokens;
  data.labels_per_sample = prologue.labels_per_sample;
  data.shape.assign(prologue.shape, prologue.shape + prologue.dimensions);
  const std::vector<std::string> texts = unpacked_texts(spans.text);
  data.origin = texts.at(0);
  data.licence = texts.at(1);
  data.class_names.assign(texts.begin() + 2, texts.end());
  const std::array splits{&data.train, &data.valid, &data.test};
  for (std::size_t i = 0; i < splits.size(); ++i)
    *splits[i] = {prologue.rows[i],       spans.splits[i].x,       spans.splits[i].labels,
                  spans.splits[i].values, spans.splits[i].lengths, nullptr};
  return data;
}

/// Samples of one split of a file.
class StoredSamples final : public SampleSource {
 public:
  StoredSamples(std::shared_ptr<const DatasetFile> file, std::size_t split)
      : file_(std::move(file)), split_(split), block_rows_(file_->block_rows(split)) {}

  std::size_t features() const override { return file_->head().features; }
  std::size_t block_rows() const override { return block_rows_; }
  void read(std::size_t first, std::span<float> x) const override { file_->read_x(split_, first, x); }

 private:
  std::shared_ptr<const DatasetFile> file_;
  std::size_t split_, block_rows_;
};

void leave_in_file(Dataset& data, const std::filesystem::path& path) {
  const auto file = std::make_shared<const DatasetFile>(path);
  const std::array splits{&data.train, &data.valid, &data.test};
  for (std::size_t i = 0; i < splits.size(); ++i)
    if (splits[i]->rows > 0) splits[i]->source = std::make_shared<StoredSamples>(file, i);
}

std::size_t product(std::span<const std::size_t> lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{1}, std::multiplies<>());
}

void check_table(const TableSet& data, const Table& table, std::string_view name) {
  const std::size_t features = product(data.shape);
  require(table.x.size() % features == 0, name, ": ", table.x.size(), " numbers are no whole rows of ",
          features);
  const std::size_t rows = table.x.size() / features;
  const std::size_t labels = data.classes > 0 ? rows * data.labels_per_sample : 0;
  require(table.labels.size() == labels, name, ": has ", table.labels.size(), " labels, expected ", labels);
  require(table.values.size() == rows * data.outputs, name, ": has ", table.values.size(),
          " targets, expected ", rows * data.outputs);
  check_finite(table.x, features, concat(name, "/x"));
  check_labels(table.labels, data.labels_per_sample, data.classes, concat(name, "/y"));
  check_finite(table.values, data.outputs, concat(name, "/y"));
  if (data.tokens > 0) check_tokens(table.x, features, data.tokens, concat(name, "/x"));
  if (table.lengths.empty()) return;
  const std::size_t steps = steps_of(data.shape, data.tokens);
  require(steps > 0 && table.lengths.size() == rows, name, ": has ", table.lengths.size(),
          " lengths, expected ", steps > 0 ? rows : 0);
  check_lengths(table.lengths, steps, concat(name, "/lengths"));
  if (data.labels_per_sample > 1) check_padding(table.labels, table.lengths, concat(name, "/y"));
}

void check_scaling(const Scaling& scaling, std::size_t columns, std::string_view what) {
  const bool fits = scaling.offset.size() == scaling.divisor.size() &&
                    (scaling.offset.empty() || scaling.offset.size() == columns);
  require(fits, "the scaling of the ", what, " has ", scaling.offset.size(), " offsets and ",
          scaling.divisor.size(), " divisors, expected ", columns);
}

void write_table(h5::File& file, const TableSet& data, const Table& table, std::string_view name) {
  if (table.x.empty()) return;
  const std::size_t rows = table.x.size() / product(data.shape);
  std::vector<std::size_t> shape{rows};
  shape.insert(shape.end(), data.shape.begin(), data.shape.end());
  file.write(concat('/', name, "/x"), table.x, shape);
  const std::string y = concat('/', name, "/y");
  if (!table.lengths.empty()) file.write(concat('/', name, "/lengths"), table.lengths);
  if (data.classes > 0) {
    shape = data.labels_per_sample == 1 ? std::vector{rows} : std::vector{rows, data.labels_per_sample};
    file.write(y, table.labels, shape);
    return;
  }
  shape = data.outputs == 1 ? std::vector{rows} : std::vector{rows, data.outputs};
  file.write(y, table.values, shape);
}

void write_all(h5::File& file, const TableSet& data) {
  file.set_attribute("/", "regatta_data", "1");
  file.set_attribute("/", "task", data.classes > 0 ? "classification" : "regression");
  file.set_attribute("/", "origin", data.origin);
  file.set_attribute("/", "licence", data.licence);
  if (data.classes > 0) file.set_attribute("/", "classes", static_cast<std::int64_t>(data.classes));
  if (data.tokens > 0) file.set_attribute("/", "tokens", static_cast<std::int64_t>(data.tokens));
  if (!data.class_names.empty()) file.write("/class_names", data.class_names);
  write_table(file, data, data.train, "train");
  write_table(file, data, data.valid, "valid");
  write_table(file, data, data.test, "test");
  const auto write_scaling = [&](const Scaling& scaling, const std::string& prefix) {
    if (scaling.offset.empty()) return;
    file.write("/standardise/" + prefix + "mean", scaling.offset);
    file.write("/standardise/" + prefix + "scale", scaling.divisor);
  };
  write_scaling(data.scaling, "");
  write_scaling(data.target_scaling, "target_");
}

}  // namespace

DatasetInfo inspect_dataset(const std::filesystem::path& file) {
  const DatasetHead head = DatasetFile(file).head();
  return {head.features, head.classes, head.outputs, head.rows[0], head.rows[1],          head.rows[2],
          head.origin,   head.licence, head.shape,   head.tokens,  head.labels_per_sample};
}

Dataset load_dataset(const std::filesystem::path& file, comm::NodeMemory& memory, std::size_t most_bytes) {
  std::optional<DatasetFile> source;
  std::string texts;
  auto& prologue =
      *reinterpret_cast<Prologue*>(memory.allocate(memory.leader() ? sizeof(Prologue) : 0).data());
  if (memory.leader()) try {
      source.emplace(file);
      texts = packed_texts(source->head());
      prologue.describe(source->head(), texts.size());
      const auto& rows = source->head().rows;
      const std::size_t samples = std::accumulate(rows.begin(), rows.end(), std::size_t{0});
      prologue.stays = samples > most_bytes / (source->head().features * sizeof(float));
    } catch (const std::exception& error) {
      prologue.note(error);
    }
  memory.publish();
  prologue.rethrow();

  const std::size_t bytes = carve(prologue, {}).bytes;
  const Spans spans = carve(prologue, memory.allocate(memory.leader() ? bytes : 0));
  if (memory.leader()) try {
      std::ranges::copy(texts, spans.text.begin());
      read_numbers(*source, spans);
    } catch (const std::exception& error) {
      prologue.note(error);
    }
  memory.publish();
  prologue.rethrow();
  Dataset data = views(prologue, spans);
  if (prologue.stays) leave_in_file(data, file);
  return data;
}

void check_dataset(const TableSet& data) {
  require(!data.shape.empty() && data.shape.size() <= most_dimensions && product(data.shape) > 0,
          "the shape of a sample must have 1 to ", most_dimensions, " dimensions, none of them 0");
  require((data.classes >= 2 && data.outputs == 0) || (data.classes == 0 && data.outputs > 0),
          "a data set has either at least 2 classes or at least 1 output, got ", data.classes, " and ",
          data.outputs);
  require(data.class_names.empty() || data.class_names.size() == data.classes, "got ",
          data.class_names.size(), " names for ", data.classes, " classes");
  const std::size_t steps = steps_of(data.shape, data.tokens);
  require(data.tokens == 0 || steps > 0, "sequences of tokens have one dimension, got ", data.shape.size());
  require(data.labels_per_sample == 1 || data.labels_per_sample == steps, "a sample has 1 label or ", steps,
          ", got ", data.labels_per_sample);
  require(!data.train.x.empty(), "train: has no rows");
  check_table(data, data.train, "train");
  check_table(data, data.valid, "valid");
  check_table(data, data.test, "test");
  const bool by_channel = steps > 0 && data.scaling.offset.size() == data.shape.back();
  check_scaling(data.scaling, by_channel ? data.shape.back() : product(data.shape), "features");
  check_scaling(data.target_scaling, data.outputs, "targets");
}

void write_dataset(const std::filesystem::path& file, const TableSet& data) {
  check_dataset(data);
  const std::filesystem::path temporary = temporary_name(file);
  try {
    h5::File out = h5::File::create(temporary);
    write_all(out, data);
    out.close();
    commit_file(temporary, file);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
}

}  // namespace regatta::train
