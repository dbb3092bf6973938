#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "regatta/objective/objective.hpp"

/// `type = network`: trains a network on a data set; reports a metric of its answers.
namespace regatta::objective {

/// Options of [objective] for `type = network`. Those that describe one training may also stand in [space].
const std::vector<Option>& network_options();

/// Names of the options that hold for the whole study and must not stand in [space].
const std::vector<std::string>& network_study_options();

/// Checks what goes beyond the table of options: the data file, the space, the metrics, what fits the data.
void check_network(const ObjectiveOptions& options, const space::Space& space, Problems& problems);

/// Metrics by their default direction; of both tasks where the data file cannot be read.
std::vector<std::pair<std::string, bool>> network_metrics(const ObjectiveOptions& options);

/// Where `keep_weights` puts those of a trial.
std::filesystem::path kept_weights_file(const std::filesystem::path& run_directory, std::int32_t trial);

/// @throws InvalidInput  what check_network or the table of options would say
std::unique_ptr<Objective> make_network_objective(const ObjectiveOptions& options, const space::Space& space);

}  // namespace regatta::objective
