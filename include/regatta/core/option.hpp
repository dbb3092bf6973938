#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace regatta {

/// What an option's text must be. Duration [s] and Bytes take units ("30min", "512MiB").
enum class OptionType { Text, Word, Integer, Number, Duration, Bytes, Flag, Path };

/// One `name = text` that a user may write in a section of the input file. The tables of options are the single source
/// for checking, for --help and for the README.
struct Option {
  std::string name;
  OptionType type = OptionType::Text;
  std::string fallback;  ///< text in force when the user says nothing; empty: none
  std::string help;      ///< one sentence
  std::vector<std::string> words = {};  ///< Word: what it may be; Integer, Number, Duration, Bytes: words allowed instead
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();  ///< inclusive bounds of numbers
};

/// Empty when `text` is a value of `option`, else one sentence with rule and value (and the nearest word).
std::string violation(const Option& option, std::string_view text);

/// The number that `text` means for an Integer, Number, Duration or Bytes option.
/// @throws InvalidInput  with violation()
double number_of(const Option& option, std::string_view text);

const Option* find_option(const std::vector<Option>& options, std::string_view name);
std::vector<std::string> names_of(const std::vector<Option>& options);

}  // namespace regatta
