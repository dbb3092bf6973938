#pragma once

#include <cstdint>
#include <vector>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// Hyperparameters, and after how many epochs of a training they came into force.
struct Stretch {
  std::int32_t after = 0;
  search::Config config;
};

/// What the weights of a trial were trained with from their first epoch on, in other trials too where they
/// came from there.
std::vector<Stretch> lineage(const log::Study& study, TrialId trial);

}  // namespace regatta::report
