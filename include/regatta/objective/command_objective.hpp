#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "regatta/objective/objective.hpp"

/// `type = command`: each trial is a program, whatever it is written in, that prints what it reaches.
///
/// A program gets its parameters by placeholders of the command and as environment variables, and reports by
/// lines of its output or by JSON lines on a descriptor (README.md, "Any program").
namespace regatta::objective {

/// Options of [objective] for `type = command`.
const std::vector<Option>& command_options();

/// Checks what goes beyond the table of options: the command's quotes, placeholders and program, the folder,
/// the pattern.
void check_command(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

/// The study's metric, whatever it is called: programs may report anything. By default `value`; to be
/// minimised unless it is one of the metrics of a network that are maximised.
std::vector<std::pair<std::string, bool>> command_metrics(const ObjectiveOptions& options);

/// @throws InvalidInput  what check_command or the table of options would say
std::unique_ptr<Objective> make_command_objective(const ObjectiveOptions& options, const space::Space& space);

}  // namespace regatta::objective
