#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/core/error.hpp"
#include "regatta/space/config.hpp"
#include "regatta/space/parameter.hpp"

namespace regatta::space {

/// One line of [space] or [constraints]: `name = text`, and where it stands.
struct Definition {
  std::string name;
  std::string text;
  Location where;
};

/// What can vary: parameters in the order of their definition, conditions between them and hard constraints.
/// Immutable; copies share their content.
class Space {
 public:
  Space();  ///< no parameter

  /// Reads the space language (README.md, "The space language"). Everything wrong is added to `problems`,
  /// with file, line, rule and the nearest known name; the result is only to be used when nothing was added.
  static Space parse(std::span<const Definition> parameters, std::span<const Definition> constraints,
                     Problems& problems);

  const std::vector<Parameter>& parameters() const;
  std::size_t size() const { return parameters().size(); }
  /// Place of the parameter, or none.
  std::optional<std::size_t> index_of(std::string_view name) const;

  /// Number of configurations that differ, before constraints (a conditional parameter counts only where it
  /// is active); none when a parameter is continuous, the number passes 2^53 or counting takes over a million
  /// steps.
  std::optional<double> cardinality() const;

  /// @param unit  size() coordinates in [0, 1)
  /// @return entries of inactive parameters are NaN
  Config decode(std::span<const double> unit) const;
  /// Unit coordinates; 0.5 for inactive parameters. decode(encode(c)) == c for discrete entries.
  UnitPoint encode(std::span<const double> config) const;

  /// Whether every constraint holds. A constraint that reads an inactive parameter holds.
  bool feasible(std::span<const double> config) const;

  /// Sets entries whose condition does not hold to NaN.
  void deactivate(Config& config) const;

  /// Empty when `config` is one that decode could give and the constraints hold; else a sentence with the
  /// rule.
  std::string violation(std::span<const double> config) const;

  /// The configuration that the user wrote as `name = value` texts; inactive parameters may be left out.
  /// @throws InvalidInput  unknown or missing name, value outside its parameter, constraint broken
  Config read(std::span<const std::pair<std::string, std::string>> values) const;

  /// "learning_rate=0.01 layers=2", active parameters only.
  std::string text(std::span<const double> config) const;
  Value value(std::span<const double> config, std::size_t index) const;

  /// The constraints as written, for the log: `name = expression`.
  const std::vector<Definition>& constraints() const;
  /// The definitions this space was read from (to write it into the log and read it again).
  const std::vector<Definition>& definitions() const;

 private:
  struct Content;
  std::shared_ptr<const Content> content_;
};

}  // namespace regatta::space
