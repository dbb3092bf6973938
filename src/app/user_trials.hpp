#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "input_scanner.hpp"
#include "regatta/space/space.hpp"

namespace regatta::app {

/// A configuration as the user wrote it.
struct WrittenTrial {
  Location where;
  std::vector<Entry> values;
};

/// The rows of a CSV file whose header names parameters. Columns that are no parameters are left out (the
/// tables of `regatta export --csv` have some); empty cells are not given.
std::vector<WrittenTrial> read_csv_trials(std::string_view text, const std::string& file,
                                          const space::Space& space, Problems& problems);

/// A JSON array of objects, or one object: {"name": value}, as `regatta best --format json` prints it.
std::vector<WrittenTrial> read_json_trials(std::string_view text, const std::string& file,
                                           Problems& problems);

/// The trials of a CSV or JSON file; which of them the file's ending tells.
std::vector<WrittenTrial> read_trial_file(const std::filesystem::path& file, const Location& named_at,
                                          const space::Space& space, Problems& problems);

/// The configurations that the written trials mean; what the space does not allow goes to `problems`.
std::vector<space::Config> configs_of(const std::vector<WrittenTrial>& trials, const space::Space& space,
                                      Problems& problems);

}  // namespace regatta::app
