#pragma once

#include <memory>
#include <vector>

#include "regatta/objective/objective.hpp"

/// `type = plugin`: trials are made by a shared library with the C interface of regatta/plugin.h. The study's
/// metric may have any name, as that of a command.
namespace regatta::objective {

/// Options of [objective] for `type = plugin`.
const std::vector<Option>& plugin_options();

/// Loads the library, to see whether it can be and is of a version that is understood.
void check_plugin(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

/// @throws InvalidInput  what check_plugin would say
std::unique_ptr<Objective> make_plugin_objective(const ObjectiveOptions& options, const space::Space& space);

}  // namespace regatta::objective
