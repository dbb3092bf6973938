#include "regatta/train/import.hpp"

#include <fstream>
#include <system_error>

#include "import_texts.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::train {
namespace {

enum class Format { Table, Idx, Sequences };

/// Whether the first line that is no comment begins with @.
bool holds_sequences(const std::filesystem::path& file) {
  std::ifstream text(file);
  for (std::string line; std::getline(text, line);)
    if (const std::string_view content = trim(line); !content.empty() && !content.starts_with('#'))
      return content.starts_with('@');
  return false;
}

Format format_of(const std::filesystem::path& file) {
  std::error_code failure;
  require(std::filesystem::exists(file, failure), file.string(), ": there is no such file");
  require(!std::filesystem::is_directory(file, failure), file.string(), ": is a folder, expected a file");
  std::string start(4, '\xff');
  std::ifstream(file, std::ios::binary).read(start.data(), static_cast<std::streamsize>(start.size()));
  require(!start.starts_with("\x1f\x8b"), file.string(), ": is packed by gzip, unpack it first: gunzip ",
          file.string());
  require(start != "\x89HDF", file.string(),
          ": is an HDF5 file; where it has the layout of a data set, use it as it is");
  require(!start.starts_with("PK"), file.string(), ": is packed by zip, unpack it first");
  if (start.starts_with(std::string_view("\0\0", 2))) return Format::Idx;
  return holds_sequences(file) ? Format::Sequences : Format::Table;
}

/// `scale` is a word or the number to divide by.
void read_scale(const OptionTexts& texts, Format format, SplitOptions& split) {
  const std::string text = texts.text("scale");
  split.scale = text == "none"                                ? Scale::None
                : text == "minmax"                            ? Scale::MinMax
                : text == "standard" || format != Format::Idx ? Scale::Standard
                                                              : Scale::Divide;
  split.divisor = 255.0;
  if (!parse_number(text)) return;
  split.scale = Scale::Divide;
  split.divisor = texts.number("scale");
  require(split.divisor > 0.0, "command line: scale must be above 0, got ", text);
}

void read_split(const OptionTexts& texts, Format format, SplitOptions& split) {
  split.valid_fraction = texts.number("valid_fraction");
  split.test_fraction = texts.number("test_fraction");
  split.seed = static_cast<std::uint64_t>(texts.number("seed"));
  split.origin = texts.text("origin");
  split.licence = texts.text("licence");
  read_scale(texts, format, split);
}

/// "8x8x1" as lengths.
std::vector<std::size_t> shape_of(const std::string& text) {
  std::vector<std::size_t> shape;
  for (const std::string& part : split(text, 'x')) {
    const auto length = parse_integer(part);
    require(length && *length > 0 && *length <= 1'000'000,
            "command line: shape must be lengths such as 8x8x1, got '", text, "'");
    shape.push_back(static_cast<std::size_t>(*length));
  }
  return shape;
}

CsvOptions csv_options(const std::vector<std::filesystem::path>& inputs, const OptionTexts& texts) {
  require(inputs.size() == 1, "expected one table, got ", inputs.size(),
          " files; give test samples of their own with test_file=FILE");
  CsvOptions options;
  read_split(texts, Format::Table, options);
  options.file = inputs.front();
  options.test_file = texts.text("test_file");
  if (!options.test_file.empty())
    require(format_of(options.test_file) == Format::Table, options.test_file.string(),
            ": is no table in text");
  options.targets = split(texts.text("target"), ',');
  options.ignored = split(texts.text("ignore"), ',');
  options.shape = shape_of(texts.text("shape"));
  const std::string task = texts.text("task"), header = texts.text("header");
  if (task != "auto") options.task = task == "regression" ? Task::Regression : Task::Classification;
  if (header != "auto") options.header = header == "yes" ? Header::Yes : Header::No;
  options.scale_targets = texts.flag("scale_targets");
  return options;
}

/// That nothing is asked of this file that only tables have.
void refuse_options(const OptionTexts& texts, std::initializer_list<const char*> names,
                    const std::filesystem::path& file, std::string_view what) {
  for (const char* const name : names)
    require(!texts.given(name), "command line: ", name, " is an option for tables, ", file.string(), " is ",
            what);
}

SequenceOptions sequence_options(const std::vector<std::filesystem::path>& inputs, const OptionTexts& texts) {
  require(inputs.size() == 1, "expected one file of series, got ", inputs.size(),
          " files; give test samples of their own with test_file=FILE");
  refuse_options(texts, {"target", "ignore", "shape", "task", "header"}, inputs.front(), "a file of series");
  SequenceOptions options;
  read_split(texts, Format::Sequences, options);
  options.file = inputs.front();
  options.test_file = texts.text("test_file");
  if (!options.test_file.empty())
    require(format_of(options.test_file) == Format::Sequences, options.test_file.string(),
            ": is no file of series");
  options.scale_targets = texts.flag("scale_targets");
  return options;
}

IdxOptions idx_options(const std::vector<std::filesystem::path>& inputs, const OptionTexts& texts) {
  require(inputs.size() == 2 || inputs.size() == 4,
          "IDX files come as IMAGES LABELS [TEST_IMAGES TEST_LABELS], got ", inputs.size(),
          inputs.size() == 1 ? " file" : " files");
  refuse_options(texts, {"target", "ignore", "shape", "task", "header", "scale_targets", "test_file"},
                 inputs.front(), "an IDX file");
  IdxOptions options;
  read_split(texts, Format::Idx, options);
  options.images = inputs[0];
  options.labels = inputs[1];
  if (inputs.size() == 4) {
    options.test_images = inputs[2];
    options.test_labels = inputs[3];
  }
  return options;
}

}  // namespace

std::vector<Option> import_options() {
  return {
      {"target", OptionType::Text, "-1", "names or numbers of the target columns (1 the first, -1 the last)"},
      {"ignore", OptionType::Text, "", "names or numbers of columns to leave out"},
      {"shape", OptionType::Text, "", "lengths of one sample such as 8x8x1, row after row"},
      {"task", OptionType::Word, "auto", "what the target is", {"auto", "classification", "regression"}},
      {"header", OptionType::Word, "auto", "whether the first line names the columns", {"auto", "yes", "no"}},
      {"test_file", OptionType::Path, "", "a table whose rows are the test rows"},
      {"test_fraction", OptionType::Number, "0.15", "part of the rows to test on", {}, 0, 1},
      {"valid_fraction", OptionType::Number, "0.15", "part of the rows to validate on", {}, 0, 1},
      {"seed", OptionType::Integer, "1", "of the split", {}, 0},
      {"scale",
       OptionType::Number,
       "auto",
       "what is done to features, fitted on the training rows; auto: standard, 255 for IDX; a number divides "
       "by it",
       {"auto", "none", "standard", "minmax"}},
      {"scale_targets", OptionType::Flag, "false",
       "gives targets of a regression mean 0 and standard deviation 1"},
      {"origin", OptionType::Text, "", "where the data come from, kept in the file"},
      {"licence", OptionType::Text, "", "under which they may be used, kept in the file"},
  };
}

TableSet import_data(const std::vector<std::filesystem::path>& inputs,
                     const std::map<std::string, std::string>& options) {
  const OptionTexts texts(import_options(), options);
  require(!inputs.empty(), "no file to import was given");
  const Format format = format_of(inputs.front());
  if (format == Format::Idx) return import_idx(idx_options(inputs, texts));
  if (format == Format::Sequences) return import_sequences(sequence_options(inputs, texts));
  return import_csv(csv_options(inputs, texts));
}

}  // namespace regatta::train
