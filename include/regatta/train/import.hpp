#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "regatta/core/option.hpp"
#include "regatta/train/dataset.hpp"

namespace regatta::train {

/// What is done to features: (raw - offset) / divisor, with offset and divisor found in the rows of `train`
/// alone.
enum class Scale {
  None,
  Standard,  ///< mean 0 and standard deviation 1; a constant column keeps divisor 1
  MinMax,    ///< from 0 to 1; a constant column keeps divisor 1
  Divide     ///< by one given number
};

/// How samples become training, validation and test rows.
struct SplitOptions {
  double valid_fraction = 0.15;
  double test_fraction = 0.15;  ///< not used when test samples come in files of their own
  std::uint64_t seed = 1;
  Scale scale = Scale::Standard;
  double divisor = 1.0;  ///< of Scale::Divide, > 0
  std::string origin, licence;
};

enum class Task { Auto, Classification, Regression };
enum class Header { Auto, Yes, No };

/// A table in text: one sample per line, the same columns in each. The separator (tab, semicolon, comma, else
/// blanks) is found in the first line; fields may be quoted ("a ""b"" c"). A feature column that holds words
/// becomes one column per word with 0 and 1.
struct CsvOptions : SplitOptions {
  std::filesystem::path file;
  std::filesystem::path test_file;  ///< empty: test rows are taken from `file`
  std::vector<std::string>
      targets;  ///< names or numbers of columns (1 the first, -1 the last); empty: the last column
  std::vector<std::string> ignored;  ///< columns to leave out, named likewise
  std::vector<std::size_t> shape;    ///< of one sample, {8, 8, 1}; empty: the number of features
  /// Auto: words are classes; so are whole numbers with at most 50 different values, each twice or more on
  /// average.
  Task task = Task::Auto;
  Header header = Header::Auto;  ///< Auto: the first line has no number where a column below it has them
  bool scale_targets = false;    ///< targets of a regression get mean 0 and standard deviation 1
};

/// Images and labels in the format of MNIST: unsigned bytes, unpacked. Pixels are divided by 255 when `scale`
/// is Divide with divisor 255, as import_data() asks for.
struct IdxOptions : SplitOptions {
  std::filesystem::path images, labels;
  std::filesystem::path test_images, test_labels;  ///< empty: test rows are taken from `images`
};

/// Series of numbers in the text format of the UCR and UEA archives (.ts): one per line, with its label behind it;
/// they may differ in length.
struct SequenceOptions : SplitOptions {
  std::filesystem::path file;
  std::filesystem::path test_file;  ///< empty: test rows are taken from `file`
  bool scale_targets = false;       ///< as in CsvOptions
};

/// Classes are in numeric order if all are numbers, else sorted as texts.
/// @throws InvalidInputs  one line per problem: "file:line: rule"
TableSet import_csv(const CsvOptions& options);

/// Samples have the shape {height, width, 1}; other dimensions stay as they are.
/// @throws InvalidInput
TableSet import_idx(const IdxOptions& options);

/// Samples have the shape {steps, channels} of the longest series; classes are in the order of their header line.
/// @throws InvalidInput  "file:line: rule"
/// @see the loader load_from_tsfile of sktime for the format
TableSet import_sequences(const SequenceOptions& options);

/// Options of `regatta import data`.
std::vector<Option> import_options();

/// Tells by the first bytes what `inputs` are: one table, one file of series, or IDX files (images, labels
/// [, test images, test labels]).
/// @param options  texts for names of import_options()
/// @throws InvalidInput  also for unknown options and values outside their bounds
TableSet import_data(const std::vector<std::filesystem::path>& inputs,
                     const std::map<std::string, std::string>& options);

/// Rows of train, valid and test: each row once, in random order. With labels every class has its share of
/// each part (largest remainders), and at least one row in train. Sizes are the rounded fractions of the
/// rows.
/// @param labels  empty for a regression
std::array<std::vector<std::size_t>, 3> split_rows(std::size_t rows, std::span<const std::int32_t> labels,
                                                   const SplitOptions& options);

}  // namespace regatta::train
