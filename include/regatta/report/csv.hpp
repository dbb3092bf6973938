#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "regatta/log/study_reader.hpp"

namespace regatta::report {

/// One row per trial: state, objective, times [s since the epoch], parameters by name (params_<name>) in
/// words. Cells of what is not known, and of inactive parameters, are empty. RFC 4180 with line feeds.
void write_csv(const log::Study& study, std::ostream& out);

/// `text` as one cell: in quotes where it must be.
std::string csv_cell(std::string_view text);

}  // namespace regatta::report
