#pragma once

#include <cstddef>
#include <cstdint>

#include "../formulas.hpp"
#include "lane_update.hpp"

namespace regatta::device::loops {

/// One sample of each lane: outputs and slopes are outputs x lanes.
template <int lanes>
struct LossSample {
  const float* outputs;
  const float* target;  ///< values as outputs; or a class per lane
  float* slope;         ///< out
  std::size_t columns;
  Numbers<lanes> weights;  ///< what the sample counts; 0: there is none
  Numbers<lanes> scales;   ///< of the slopes
};

/// @param sums  of the losses of each lane, added to
template <LossKind kind, int lanes>
void regression_loss(const LossSample<lanes>& sample, Numbers<lanes, double>& sums) {
  const auto columns = static_cast<float>(sample.columns);
  Numbers<lanes> loss{}, share;
  for (std::size_t lane = 0; lane < lanes; ++lane) share[lane] = sample.scales[lane] / columns;
  for (std::size_t n = 0; n < sample.columns * lanes; n += lanes)
#pragma GCC ivdep
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float y = sample.outputs[n + lane], target = sample.target[n + lane];
      const bool counts = sample.weights[lane] != 0.0f;
      loss[lane] += counts ? formulas::loss_of<kind>(y, target) : 0.0f;
      sample.slope[n + lane] = counts ? share[lane] * formulas::loss_slope<kind>(y, target) : 0.0f;
    }
  for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += static_cast<double>(loss[lane] / columns);
}

/// @param labels  0 or 1, smoothed
template <int lanes>
void binary_cross_entropy(const LossSample<lanes>& sample, const Numbers<lanes>& labels,
                          Numbers<lanes, double>& sums) {
  Numbers<lanes> loss;
#pragma GCC ivdep
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const float logit = sample.outputs[lane], weight = sample.weights[lane];
    const float slope = weight * sample.scales[lane] * formulas::binary_slope(logit, labels[lane]);
    loss[lane] = weight != 0.0f ? weight * formulas::binary_loss(logit, labels[lane]) : 0.0f;
    sample.slope[lane] = weight != 0.0f ? slope : 0.0f;
  }
  for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += static_cast<double>(loss[lane]);
}

template <int lanes>
Numbers<lanes> log_sum_exp(const float* row, std::size_t count) {
  Numbers<lanes> top, sum{};
  for (std::size_t lane = 0; lane < lanes; ++lane) top[lane] = row[lane];
  for (std::size_t n = lanes; n < count * lanes; n += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      top[lane] = row[n + lane] > top[lane] ? row[n + lane] : top[lane];
  for (std::size_t n = 0; n < count * lanes; n += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sum[lane] += formulas::exponential(row[n + lane] - top[lane]);
  for (std::size_t lane = 0; lane < lanes; ++lane) top[lane] += formulas::logarithm(sum[lane]);
  return top;
}

/// @param label, other  what the class of the label and each of the others should have
template <int lanes>
void cross_entropy(const LossSample<lanes>& sample, const Numbers<lanes>& label, const Numbers<lanes>& other,
                   Numbers<lanes, double>& sums) {
  const Numbers<lanes> log_sum = log_sum_exp<lanes>(sample.outputs, sample.columns);
  Numbers<lanes> loss = log_sum;
  for (std::size_t j = 0; j < sample.columns; ++j)
#pragma GCC ivdep
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float logit = sample.outputs[j * lanes + lane], weight = sample.weights[lane];
      const float target = sample.target[lane] == static_cast<float>(j) ? label[lane] : other[lane];
      const float slope =
          weight * sample.scales[lane] * formulas::cross_entropy_slope(logit, log_sum[lane], target);
      loss[lane] -= target * logit;
      sample.slope[j * lanes + lane] = weight != 0.0f ? slope : 0.0f;
    }
  for (std::size_t lane = 0; lane < lanes; ++lane)
    sums[lane] += sample.weights[lane] != 0.0f ? static_cast<double>(sample.weights[lane] * loss[lane]) : 0.0;
}

}  // namespace regatta::device::loops
