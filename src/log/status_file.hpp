#pragma once

#include <string>

#include "regatta/log/study_reader.hpp"

namespace regatta::log {

/// The content of status.json for a study and its status.
std::string status_json(const Study& study, const RunStatus& status);

}  // namespace regatta::log
