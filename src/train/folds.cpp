#include "regatta/train/folds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::train {

std::vector<Fold> make_folds(std::size_t rows, std::span<const std::int32_t> labels, std::size_t k,
                             std::uint64_t seed) {
  require(k >= 2 && k <= rows, "the number of folds must lie between 2 and the number of rows (", rows,
          "), got ", k);
  std::vector<std::int32_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  Random random(seed);
  random.shuffle(std::span(order));
  const auto label = [&](std::int32_t row) { return labels[static_cast<std::size_t>(row)]; };
  if (!labels.empty()) std::ranges::stable_sort(order, {}, label);

  std::vector<std::size_t> fold_of(rows);
  for (std::size_t place = 0; place < rows; ++place)
    fold_of[static_cast<std::size_t>(order[place])] = place % k;
  std::vector<Fold> folds(k);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t f = 0; f < k; ++f)
      (fold_of[row] == f ? folds[f].held_out : folds[f].train).push_back(static_cast<std::int32_t>(row));
  return folds;
}

Summary summarise(std::span<const double> scores) {
  const auto n = static_cast<double>(scores.size());
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / n;
  if (scores.size() < 2) return {mean, std::numeric_limits<double>::quiet_NaN()};
  double squares = 0;
  for (const double score : scores) squares += (score - mean) * (score - mean);
  return {mean, std::sqrt(squares / (n - 1)) / std::sqrt(n)};
}

}  // namespace regatta::train
