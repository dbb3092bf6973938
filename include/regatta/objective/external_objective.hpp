#pragma once

#include <memory>
#include <vector>

#include "regatta/objective/objective.hpp"

/// `type = external`: whoever asks runs the trials (`regatta serve`, run/ask_tell.hpp); here stands what they
/// report. The study's metric may have any name, as that of a command.
namespace regatta::objective {

/// Options of [objective] for `type = external`.
const std::vector<Option>& external_options();

/// Everything that can be wrong stands in the table of options.
void check_external(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

std::unique_ptr<Objective> make_external_objective(const ObjectiveOptions& options,
                                                   const space::Space& space);

}  // namespace regatta::objective
