#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/core/error.hpp"
#include "regatta/space/space.hpp"

namespace regatta::app {

/// One `name = text` of an input file or of the command line, and where it stands.
using Entry = space::Definition;

/// A `[name]` of an input file and what stands below it.
struct Section {
  std::string name;
  Location where;
  std::vector<Entry> entries;
};

/// The text of an input file.
/// @throws InvalidInputs  a directory, a file that cannot be read, a binary file
std::string read_input_text(const std::filesystem::path& file);

/// Splits the text of an input file into its sections, in the order of the file; a repeated header gives a
/// further section. `#` starts a comment at the start of a line or after a blank. Lines that are neither a
/// header nor `name = text` go to `problems`; in [constraints] a line may also be an expression alone, which
/// is then named after its line.
std::vector<Section> scan(std::string_view text, const std::string& file, Problems& problems);

/// Letters, digits and underscores, not starting with a digit.
bool is_name(std::string_view text);

}  // namespace regatta::app
