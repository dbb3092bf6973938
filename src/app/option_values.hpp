#pragma once

#include <string>
#include <vector>

#include "input_scanner.hpp"
#include "option_tables.hpp"

namespace regatta::app {

/// Who said what is in force.
enum class Origin { Default, File, CommandLine };

/// The value of one option, and who said so.
struct OptionValue {
  Option option;
  std::string text;  ///< empty: none
  Origin origin = Origin::Default;
  Location where;  ///< of the entry; for a default names nothing
};

/// The options of one section in force: the command line comes before the file, the file before the default.
class OptionValues {
 public:
  /// Unknown and duplicate names and texts that are no value of their option go to `problems`; what is wrong
  /// counts as not said.
  OptionValues(const std::string& section, const std::vector<Option>& options, const std::vector<Entry>& file,
               const std::vector<Entry>& command_line, Problems& problems);

  /// In the order of the table.
  const std::vector<OptionValue>& all() const { return values_; }
  const OptionValue& operator[](std::string_view name) const;
  const std::string& text(std::string_view name) const { return (*this)[name].text; }
  /// The number that the text means; `otherwise` for a word of the option or without a text.
  double number(std::string_view name, double otherwise = 0) const;
  bool flag(std::string_view name) const;

 private:
  std::vector<OptionValue> values_;
};

/// The entries without those whose name has come before; these go to `problems` with both places.
std::vector<Entry> without_duplicates(const std::string& section, const std::vector<Entry>& entries,
                                      Problems& problems);

/// "unknown key 'sede' in section [study]; did you mean 'seed'?"
std::string unknown_key(const std::string& name, const std::string& section,
                        const std::vector<std::string>& known);

}  // namespace regatta::app
