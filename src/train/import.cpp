#include "regatta/train/import.hpp"

#include <fstream>
#include <system_error>

#include "import_texts.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::train {
namespace {

enum class Format { Table, Idx };

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
  return start.starts_with(std::string_view("\0\0", 2)) ? Format::Idx : Format::Table;
}

/// `scale` is a word or the number to divide by.
void read_scale(const OptionTexts& texts, Format format, SplitOptions& split) {
  const std::string text = texts.text("scale");
  split.scale = text == "none"                                  ? Scale::None
                : text == "minmax"                              ? Scale::MinMax
                : text == "standard" || format == Format::Table ? Scale::Standard
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

IdxOptions idx_options(const std::vector<std::filesystem::path>& inputs, const OptionTexts& texts) {
  require(inputs.size() == 2 || inputs.size() == 4,
          "IDX files come as IMAGES LABELS [TEST_IMAGES TEST_LABELS], got ", inputs.size(),
          inputs.size() == 1 ? " file" : " files");
  for (const char* const name : {"target", "ignore", "shape", "task", "header", "scale_targets", "test_file"})
    require(!texts.given(name), "command line: ", name, " is an option for tables, ", inputs.front().string(),
            " is an IDX file");
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
  if (format_of(inputs.front()) == Format::Idx) return import_idx(idx_options(inputs, texts));
  return import_csv(csv_options(inputs, texts));
}

}  // namespace regatta::train
