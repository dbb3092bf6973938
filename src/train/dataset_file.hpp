#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/h5/file.hpp"

namespace regatta::train {

constexpr std::array<std::string_view, 3> split_names{"train", "valid", "test"};
constexpr std::size_t most_dimensions = 8;  ///< of one sample

/// What a data set holds, without its numbers.
struct DatasetHead {
  std::vector<std::size_t> shape;  ///< of one sample
  std::size_t features = 0;        ///< product of shape
  std::size_t classes = 0;         ///< 0: regression
  std::size_t outputs = 0;         ///< 0: classification
  std::size_t tokens = 0;          ///< 0: x holds numbers
  std::size_t labels_per_sample = 1;
  std::array<std::size_t, 3> rows{};
  std::array<bool, 3> has_lengths{};
  std::vector<std::string> class_names;
  std::string origin, licence;
};

/// A data file opened for reading, with a layout that was found right. Functions take the number of a split,
/// and throw InvalidInput naming file, path and first offending row.
class DatasetFile {
 public:
  /// @throws InvalidInput
  explicit DatasetFile(const std::filesystem::path& path);

  const DatasetHead& head() const { return head_; }
  /// Rows that are best read together.
  std::size_t block_rows(std::size_t split) const;
  /// Rows from `first` on, so many as x takes.
  void read_x(std::size_t split, std::size_t first, std::span<float> x) const;
  void read_labels(std::size_t split, std::span<std::int32_t> labels) const;
  void read_values(std::size_t split, std::span<float> values) const;
  /// @param lengths  none where the split has none
  void read_lengths(std::size_t split, std::span<std::int32_t> lengths) const;
  /// That padding has no labels.
  void check_padding(std::size_t split, std::span<const std::int32_t> labels,
                     std::span<const std::int32_t> lengths) const;

 private:
  void read_task();
  void read_class_count();
  void read_tokens();
  void check_split(std::size_t split);
  void check_targets(std::size_t split);
  void check_lengths(std::size_t split);
  std::string where(std::string_view path) const;

  std::filesystem::path path_;
  h5::File file_;
  DatasetHead head_;
};

/// @param first  number of the first row
/// @throws InvalidInput  "WHERE: row R (from 0) holds nan, expected finite numbers"
void check_finite(std::span<const float> numbers, std::size_t per_row, std::string_view where,
                  std::size_t first = 0);

/// @param per_row  1, or the steps of a sequence; then a step may have no_label
/// @throws InvalidInput  "WHERE: row R (from 0) holds label L, expected 0 .. CLASSES - 1"
void check_labels(std::span<const std::int32_t> labels, std::size_t per_row, std::size_t classes,
                  std::string_view where);

/// @throws InvalidInput  "WHERE: row R (from 0) has length L, expected 1 .. STEPS"
void check_lengths(std::span<const std::int32_t> lengths, std::size_t steps, std::string_view where);

/// That no step behind the length of its sequence has a label.
/// @throws InvalidInput  "WHERE: row R (from 0) has a label at step S behind its length L, expected -1"
void check_padding(std::span<const std::int32_t> labels, std::span<const std::int32_t> lengths,
                   std::string_view where);

/// @throws InvalidInput  "WHERE: row R (from 0) holds X, expected a token 0 .. TOKENS - 1"
void check_tokens(std::span<const float> x, std::size_t per_row, std::size_t tokens, std::string_view where,
                  std::size_t first = 0);

/// Steps of a sequence of this shape; 0: a sample is no sequence.
std::size_t steps_of(std::span<const std::size_t> shape, std::size_t tokens);

}  // namespace regatta::train
