#pragma once

#include <cstdint>
#include <vector>

#include "regatta/train/import.hpp"

namespace regatta::train {

/// RawSamples as a file gives them, before they are split and scaled.
struct RawSamples {
  std::size_t rows = 0;
  std::vector<double> x;             ///< rows x features
  std::vector<std::int32_t> labels;  ///< rows, or none
  std::vector<double> values;        ///< rows x outputs, or none
  std::size_t steps = 0;             ///< of sequences; 0: other samples
  std::vector<std::int32_t> lengths;  ///< rows, or none
};

/// Splits `samples`, takes the test rows from `test` instead where it has any, fits the scaling on the
/// training rows and applies it to all: sequences by channel and without their padding,
/// others by feature. Fills the tables and scalings of `data`, whose shape, classes and outputs are set.
void split_and_scale(const RawSamples& samples, const RawSamples& test, const SplitOptions& options,
                     bool scale_targets, TableSet& data);

}  // namespace regatta::train
