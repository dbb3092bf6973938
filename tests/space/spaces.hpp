#pragma once

#include <string>
#include <utility>
#include <vector>

#include "regatta/core/text.hpp"
#include "regatta/space/space.hpp"

namespace regatta::space {

using Lines = std::vector<std::string>;  ///< "name = text"

/// The lines as definitions of file "x.ini", from line 1 on.
inline std::vector<Definition> definitions_of(const Lines& lines, int first_line = 1) {
  std::vector<Definition> definitions;
  for (const std::string& line : lines) {
    const std::size_t sign = line.find('=');
    definitions.push_back({std::string(trim(line.substr(0, sign))),
                           std::string(trim(line.substr(sign + 1))),
                           {"x.ini", first_line++}});
  }
  return definitions;
}

/// @throws InvalidInputs  with all problems
inline Space space_of(const Lines& parameters, const Lines& constraints = {}) {
  Problems problems;
  Space space = Space::parse(definitions_of(parameters), definitions_of(constraints, 101), problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  return space;
}

/// All problems as one text, "x.ini:1: sentence" per line; constraints stand from line 101 on.
inline std::string problems_of(const Lines& parameters, const Lines& constraints = {}) {
  Problems problems;
  Space::parse(definitions_of(parameters), definitions_of(constraints, 101), problems);
  return problems.empty() ? "" : InvalidInputs(problems).what();
}

/// The configuration of all values as users write them.
inline Config config_of(const Space& space, const std::vector<std::pair<std::string, std::string>>& values) {
  return space.read(values);
}

}  // namespace regatta::space
