#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/core/option.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/space/space.hpp"

namespace regatta::objective {

/// The values of all options for one trial.
class Values {
 public:
  Values(const std::vector<Option>& table, std::map<std::string, std::string> texts)
      : table_(&table), texts_(std::move(texts)) {}

  const std::string& text(const std::string& name) const { return texts_.at(name); }
  double number(const std::string& name) const;
  std::size_t count(const std::string& name) const { return static_cast<std::size_t>(number(name)); }
  bool flag(const std::string& name) const;

 private:
  const std::vector<Option>* table_;
  std::map<std::string, std::string> texts_;
};

/// What the user wrote in [objective] over what holds when nothing is written; a parameter of the space that
/// is named like an option takes its place wherever it is active.
class Settings {
 public:
  Settings(const std::vector<Option>& table, const ObjectiveOptions& options, const space::Space& space);

  /// Without the space.
  Values fixed() const { return {*table_, texts_}; }
  /// @throws TrialFailure  kind Invalid for a value that an option does not take
  Values at(const space::Config& config) const;

 private:
  const std::vector<Option>* table_;
  space::Space space_;
  std::map<std::string, std::string> texts_;
};

/// Where the user wrote the option, or else something else of the section.
Location location_of(const ObjectiveOptions& options, const std::string& name);

/// Runs `check` and keeps what it throws as a problem at `where`. Whether there was none.
template <class Check>
bool holds(const Location& where, Problems& problems, const Check& check) {
  try {
    check();
    return true;
  } catch (const InvalidInput& error) {
    problems.push_back({where, error.what()});
    return false;
  }
}

/// Adds a problem for each option that the table does not know and each text that is no value of its option.
void check_options(const std::vector<Option>& table, const ObjectiveOptions& options, Problems& problems);

/// Adds a problem for each parameter that is no option or one of `study` (which hold for the whole study),
/// and for each value in the space that its option does not take.
void check_space(const std::vector<Option>& table, const std::vector<std::string>& study,
                 const space::Space& space, Problems& problems);

/// The texts that `name` can have: of the space's categories where it is one, else the one in force.
std::vector<std::string> possible_texts(const std::vector<Option>& table, const ObjectiveOptions& options,
                                        const space::Space& space, const std::string& name);

}  // namespace regatta::objective
