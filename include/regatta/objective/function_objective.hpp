#pragma once

#include <memory>
#include <string>
#include <vector>

#include "regatta/objective/objective.hpp"

/// `type = function`: test functions with known minima, optional noise, waiting time and faults. That is how
/// searchers, schedules and the program itself are measured and tested.
namespace regatta::objective {

/// Options of [objective] for `type = function`.
const std::vector<Option>& function_options();

/// Checks what goes beyond the table of options: the number of coordinates, the distribution of the sleep.
///
/// Coordinates are the parameters of the space that are numbers (choices of numbers too), in the order of
/// definition.
void check_function(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

/// x1, x2, ... over the function's domain; empty when the options are wrong.
std::vector<space::Definition> function_space(const ObjectiveOptions& options);

/// The study's metric is `value`, to be minimised: the function's value, plus noise. With several epochs the
/// value comes down to it as 1/epoch does. A further metric `regret` is the distance to the minimum, without
/// noise.
/// @throws InvalidInput  what check_function or the table of options would say
std::unique_ptr<Objective> make_function_objective(const ObjectiveOptions& options,
                                                   const space::Space& space);

}  // namespace regatta::objective
