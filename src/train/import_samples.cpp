#include "import_samples.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::train {
namespace {

using Rows = std::vector<std::size_t>;

/// How many rows of each class go into a part of `fraction` of all rows, by largest remainders, at most
/// `room[c]`.
Rows quotas(const Rows& counts, double fraction, const Rows& room) {
  const std::size_t all = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
  const auto wanted = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(all)));
  Rows quota(counts.size()), order(counts.size());
  std::vector<double> remainder(counts.size());
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const double share = fraction * static_cast<double>(counts[c]);
    quota[c] = std::min(static_cast<std::size_t>(share), room[c]);
    remainder[c] = share - std::floor(share);
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t c) { return remainder[c]; });
  std::size_t taken = std::accumulate(quota.begin(), quota.end(), std::size_t{0});
  for (const std::size_t c : order)
    if (taken < wanted && quota[c] < room[c]) ++quota[c], ++taken;
  return quota;
}

Rows class_sizes(std::size_t rows, std::span<const std::int32_t> labels) {
  if (labels.empty()) return {rows};
  Rows counts(static_cast<std::size_t>(std::ranges::max(labels)) + 1, 0);
  for (const std::int32_t label : labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

/// (raw - offset) / divisor of one column, fitted on `rows`.
std::pair<double, double> fit_column(std::span<const double> numbers, std::size_t columns, std::size_t column,
                                     const Rows& rows, Scale scale) {
  double low = HUGE_VAL, high = -HUGE_VAL, sum = 0.0;
  for (const std::size_t row : rows) {
    const double value = numbers[row * columns + column];
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
  }
  if (low == high) return {low, 1.0};
  if (scale == Scale::MinMax) return {low, high - low};
  const double mean = sum / static_cast<double>(rows.size());
  double squares = 0.0;
  for (const std::size_t row : rows) squares += std::pow(numbers[row * columns + column] - mean, 2);
  const double deviation = std::sqrt(squares / static_cast<double>(rows.size()));
  return {mean, deviation > 0.0 ? deviation : 1.0};  // squares of the tiniest numbers are 0
}

Scaling fit(std::span<const double> numbers, std::size_t columns, const Rows& rows, Scale scale,
            double divisor) {
  if (scale == Scale::None) return {};
  if (scale == Scale::Divide) return {std::vector(columns, 0.0), std::vector(columns, divisor)};
  Scaling scaling;
  for (std::size_t column = 0; column < columns; ++column) {
    const auto [offset, range] = fit_column(numbers, columns, column, rows, scale);
    scaling.offset.push_back(offset);
    scaling.divisor.push_back(range);
  }
  return scaling;
}

std::vector<float> scaled(std::span<const double> numbers, std::size_t columns, const Rows& rows,
                          const Scaling& scaling) {
  std::vector<float> out;
  out.reserve(rows.size() * columns);
  for (const std::size_t row : rows)
    for (std::size_t column = 0; column < columns; ++column) {
      const double raw = numbers[row * columns + column];
      const std::size_t scale = scaling.offset.empty() ? 0 : column % scaling.offset.size();
      const double value =
          scaling.offset.empty() ? raw : (raw - scaling.offset[scale]) / scaling.divisor[scale];
      out.push_back(static_cast<float>(value));
    }
  return out;
}

/// The steps of the sequences `rows`, without their padding, as rows of channels.
Rows steps_of(const RawSamples& samples, const Rows& rows) {
  const std::size_t steps = samples.steps;
  Rows all;
  for (const std::size_t row : rows) {
    const std::size_t length =
        samples.lengths.empty() ? steps : static_cast<std::size_t>(samples.lengths[row]);
    for (std::size_t step = 0; step < length; ++step) all.push_back(row * steps + step);
  }
  return all;
}

Table table_of(const RawSamples& samples, const Rows& rows, std::size_t features, const TableSet& data) {
  Table table;
  table.x = scaled(samples.x, features, rows, data.scaling);
  table.values = scaled(samples.values, data.outputs, rows, data.target_scaling);
  if (data.classes > 0)
    for (const std::size_t row : rows) table.labels.push_back(samples.labels[row]);
  if (samples.lengths.empty()) return table;
  const std::size_t channels = data.shape.back();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    table.lengths.push_back(samples.lengths[rows[i]]);
    const std::size_t used = static_cast<std::size_t>(table.lengths.back()) * channels;
    std::fill_n(table.x.begin() + static_cast<std::ptrdiff_t>(i * features + used), features - used, 0.0f);
  }
  return table;
}

}  // namespace

std::array<std::vector<std::size_t>, 3> split_rows(std::size_t rows, std::span<const std::int32_t> labels,
                                                   const SplitOptions& options) {
  const double valid = options.valid_fraction, test = options.test_fraction;
  require(valid >= 0.0 && test >= 0.0 && valid + test < 1.0,
          "valid_fraction and test_fraction must be at least 0 and together below 1, got ", valid, " and ",
          test);
  const Rows counts = class_sizes(rows, labels);
  Rows room = counts;
  for (std::size_t& places : room) places -= std::min<std::size_t>(places, 1);
  Rows test_quota = quotas(counts, test, room);
  for (std::size_t c = 0; c < room.size(); ++c) room[c] -= test_quota[c];
  Rows valid_quota = quotas(counts, valid, room);

  Rows order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random(options.seed).shuffle(std::span(order));
  std::array<Rows, 3> parts;
  for (const std::size_t row : order) {
    const std::size_t c = labels.empty() ? 0 : static_cast<std::size_t>(labels[row]);
    const std::size_t part = test_quota[c] > 0 ? 2 : valid_quota[c] > 0 ? 1 : 0;
    if (part == 2) --test_quota[c];
    if (part == 1) --valid_quota[c];
    parts[part].push_back(row);
  }
  return parts;
}

void split_and_scale(const RawSamples& samples, const RawSamples& test, const SplitOptions& options,
                     bool scale_targets, TableSet& data) {
  SplitOptions split = options;
  if (test.rows > 0) split.test_fraction = 0.0;
  const std::array<Rows, 3> parts = split_rows(samples.rows, samples.labels, split);
  const std::size_t features =
      std::accumulate(data.shape.begin(), data.shape.end(), std::size_t{1}, std::multiplies<>());
  const bool sequences = samples.steps > 0;
  data.scaling = fit(samples.x, sequences ? data.shape.back() : features,
                     sequences ? steps_of(samples, parts[0]) : parts[0], options.scale, options.divisor);
  data.target_scaling =
      fit(samples.values, data.outputs, parts[0], scale_targets ? Scale::Standard : Scale::None, 1.0);
  data.origin = options.origin;
  data.licence = options.licence;
  data.train = table_of(samples, parts[0], features, data);
  data.valid = table_of(samples, parts[1], features, data);
  data.test = table_of(samples, parts[2], features, data);
  if (test.rows == 0) return;
  Rows all(test.rows);
  std::iota(all.begin(), all.end(), std::size_t{0});
  data.test = table_of(test, all, features, data);
}

}  // namespace regatta::train
