#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace regatta::train {

/// One division of rows: to train on, and to be judged on. Both ascending.
struct Fold {
  std::vector<std::int32_t> train, held_out;
};

/// k folds whose held-out parts cover all rows once and differ in size by one row at most. With labels each
/// class is dealt out evenly (stratified). The same seed gives the same folds everywhere.
/// @param labels  of the rows; empty for a regression
/// @throws InvalidInput  unless 2 <= k <= rows
std::vector<Fold> make_folds(std::size_t rows, std::span<const std::int32_t> labels, std::size_t k,
                             std::uint64_t seed);

/// Mean, and standard deviation / sqrt(n) (not a number for n < 2).
struct Summary {
  double mean = 0;
  double standard_error = 0;
};
Summary summarise(std::span<const double> scores);

}  // namespace regatta::train
