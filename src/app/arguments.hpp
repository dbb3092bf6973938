#pragma once

#include <map>
#include <string>
#include <vector>

#include "input_scanner.hpp"
#include "regatta/core/option.hpp"

namespace regatta::app {

/// `section.name=text` on the command line: comes before what the input file says.
struct Override {
  std::string section;
  Entry entry;
};

struct Command;

/// "section.name=text" as an override.
/// @throws InvalidInput  it is none
Override override_of(const std::string& word);

/// The command line, taken apart.
struct Arguments {
  const Command* command = nullptr;
  std::vector<std::string> operands;  ///< files, directories, ..., in order
  std::vector<Override> overrides;    ///< only for commands that take them
  std::map<std::string, std::string>
      options;               ///< given options of the command, without "--"; flags are "true"
  bool help = false;         ///< --help stands somewhere
  std::string command_line;  ///< as it can be typed again
  int argc = 0;
  char** argv = nullptr;

  /// The text of the command's option, or its default.
  std::string option(const std::string& name) const;
};

/// What `regatta NAME` does.
struct Command {
  std::string name;
  std::string operands;                       ///< for people: "DIR NAME=VALUE..."
  std::size_t least = 0, most = 0;            ///< number of operands
  std::string help;                           ///< one sentence
  int (*action)(const Arguments&) = nullptr;  ///< returns the exit code
  std::vector<Option> options = {};
  bool overrides = false;                ///< takes section.name=value and --section.name value
  std::string (*more_help)() = nullptr;  ///< at the end of its help; null: nothing
};

/// @throws InvalidInput  unknown option, too few or too many operands, ...; not for what is wrong with an
/// override's
///                       name or value: reading the inputs tells that together with the rest
Arguments parse_arguments(int argc, char** argv, const std::vector<Command>& commands);

}  // namespace regatta::app
