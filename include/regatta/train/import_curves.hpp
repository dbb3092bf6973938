#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "regatta/core/option.hpp"
#include "regatta/train/curve_table.hpp"

namespace regatta::train {

/// Options of `regatta import curves`.
std::vector<Option> curve_options();

/// The table of a CSV file with one configuration per line. What they have given stands in columns of it
/// (`repeats`), or in a file of its own with one line per configuration and one number per epoch, without a
/// header (`objective`); seconds likewise. Where seconds fall from one epoch to the next, the largest so far
/// counts.
///
/// A column of words becomes choice(...), one of at most 64 different numbers that repeat becomes
/// ordinal(...), any other int, logint, uniform or loguniform from its smallest to its largest number (real
/// numbers: rounded outwards to two digits).
/// @param options  texts for names of curve_options(); paths start where the caller stands
/// @throws InvalidInput, InvalidInputs  with file, line and rule
CurveTable import_curves(const std::filesystem::path& configurations,
                         const std::map<std::string, std::string>& options);

}  // namespace regatta::train
