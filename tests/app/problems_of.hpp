#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/study_inputs.hpp"
#include "regatta/core/text.hpp"

namespace regatta::app {

/// A valid study of a function with one parameter, in 7 lines; a further line added to it is line 8.
inline const std::string valid_text =
    "[objective]\ntype = function\nfunction = sphere\ndimensions = 1\n[space]\nx = uniform(0, 1)\n[study]\n";

/// "section.name=text" as on the command line.
inline Override override_of(const std::string& text) {
  const std::size_t dot = text.find('.'), equals = text.find('=');
  return {text.substr(0, dot),
          {text.substr(dot + 1, equals - dot - 1), text.substr(equals + 1), {"command line", 0}}};
}

inline std::vector<Override> overrides_of(const std::vector<std::string>& texts) {
  std::vector<Override> overrides;
  for (const std::string& text : texts) overrides.push_back(override_of(text));
  return overrides;
}

inline StudyInputs inputs_of(std::string_view text, const std::vector<std::string>& command_line = {}) {
  return parse_inputs(text, "x.ini", overrides_of(command_line));
}

/// The lines with which the inputs are refused; empty when they are accepted.
inline std::vector<std::string> problems_of(std::string_view text,
                                            const std::vector<std::string>& command_line = {}) {
  try {
    inputs_of(text, command_line);
    return {};
  } catch (const InvalidInputs& problems) {
    return split(problems.what(), '\n');
  }
}

}  // namespace regatta::app
