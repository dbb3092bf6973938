#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "regatta/objective/objective.hpp"

/// `type = table`: looks configurations up in a table of trainings that were done before
/// (train/curve_table.hpp), so that searchers and schedules can be judged on real curves at no cost. A
/// simulation also takes the times from there.
namespace regatta::objective {

/// Options of [objective] for `type = table`.
const std::vector<Option>& table_options();

/// Checks the file, and that the space has the table's parameters with values that the table knows.
void check_table(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

/// The metric of the file; `value` where it cannot be read.
std::vector<std::pair<std::string, bool>> table_metrics(const ObjectiveOptions& options);

/// The definitions of the file.
/// @throws InvalidInput  it cannot be read
std::vector<space::Definition> table_space(const ObjectiveOptions& options);

/// Each trial reports the epochs of its row. With repeats the value is their mean, and has its standard
/// error. A configuration that the table does not hold makes its trial invalid, or is replaced by the nearest
/// one (option `match`).
/// @throws InvalidInput  what check_table or the table of options would say
std::unique_ptr<Objective> make_table_objective(const ObjectiveOptions& options, const space::Space& space);

}  // namespace regatta::objective
