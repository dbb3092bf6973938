#include "time_varying_process.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "regatta/device/linear_algebra.hpp"

namespace regatta::schedule {
namespace {

using device::Block;

constexpr double largest_value = 2;       // standardised: surprises must not decide alone
const double log_memory = std::log(0.9);  // (1 - e) with e = 0.1, where the authors' code begins

std::vector<double> standardised(std::vector<double> values) {
  const double count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = squares > 0 ? std::sqrt(squares / count) : 1;
  for (double& value : values) value = std::clamp((value - mean) / deviation, -largest_value, largest_value);
  return values;
}

/// x = L^-1 x
void solve_lower(std::size_t size, const std::vector<double>& lower, std::vector<double>& x) {
  for (std::size_t i = 0; i < size; ++i)
    x[i] = (x[i] - device::algebra::dot({&lower[i * size], i}, {x.data(), i})) / lower[i * size + i];
}

}  // namespace

TimeVaryingProcess::TimeVaryingProcess(std::vector<std::vector<double>> points,
                                       const std::vector<double>& values,
                                       const std::vector<std::vector<double>>& pending)
    : points_(std::move(points)), values_(standardised(values)) {
  const std::size_t known = points_.size();
  double best = -HUGE_VAL;
  for (const double lengthscale : {0.15, 0.4, 1.0})
    for (const double noise : {0.03, 0.3}) {
      const Setting setting{lengthscale, noise};
      Factor tried = factor(setting, known);
      const double likelihood = log_likelihood(tried);
      if (likelihood <= best) continue;
      best = likelihood;
      setting_ = setting;
      known_ = std::move(tried);
    }
  solve_lower(known, known_.entries, values_);
  points_.insert(points_.end(), pending.begin(), pending.end());
  all_ = factor(setting_, points_.size());
}

double TimeVaryingProcess::covariance(const Setting& setting, const std::vector<double>& a,
                                      const std::vector<double>& b) const {
  double squared = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squared += (a[i] - b[i]) * (a[i] - b[i]);
  return std::exp(-squared / (2 * setting.lengthscale * setting.lengthscale) +
                  std::abs(a[0] - b[0]) / 2 * log_memory);
}

/// Of the covariance of the first `count` points, with their noise.
TimeVaryingProcess::Factor TimeVaryingProcess::factor(const Setting& setting, std::size_t count) const {
  Factor result{count, std::vector<double>(count * count)};
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j <= i; ++j)
      result.entries[i * count + j] =
          covariance(setting, points_[i], points_[j]) + (i == j ? setting.noise : 0);
  device::algebra::cholesky_with_jitter({result.entries.data(), count, count, count}, 1e-8);
  return result;
}

double TimeVaryingProcess::log_likelihood(const Factor& factor) const {
  std::vector<double> whitened = values_;
  solve_lower(factor.size, factor.entries, whitened);
  double result = 0;
  for (std::size_t i = 0; i < factor.size; ++i)
    result -= 0.5 * whitened[i] * whitened[i] + std::log(factor.entries[i * factor.size + i]);
  return result;
}

TimeVaryingProcess::Belief TimeVaryingProcess::predict(const std::vector<double>& point) const {
  std::vector<double> to_all(all_.size);
  for (std::size_t i = 0; i < all_.size; ++i) to_all[i] = covariance(setting_, points_[i], point);
  std::vector<double> to_known(to_all.begin(), to_all.begin() + static_cast<std::ptrdiff_t>(known_.size));
  solve_lower(known_.size, known_.entries, to_known);
  solve_lower(all_.size, all_.entries, to_all);
  const double variance = 1 - device::algebra::dot(to_all, to_all);
  return {device::algebra::dot(to_known, values_), std::sqrt(std::max(0.0, variance))};
}

}  // namespace regatta::schedule
