#pragma once

#include <string>

#include "arguments.hpp"

namespace regatta::app {

/// What `regatta` alone prints: one line per command.
std::string general_help();

std::string command_help(const Command& command);

/// Two lines per option: what may be written, its default, and what it means.
std::string option_list(const std::vector<Option>& options);

/// All options of input files, by section, from their tables; as tables in Markdown for README.md when
/// `markdown`.
std::string options_help(bool markdown);

/// The space language on one page.
std::string space_help();

}  // namespace regatta::app
