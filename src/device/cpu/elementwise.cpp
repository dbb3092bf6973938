#include "elementwise.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "../activation_switch.hpp"
#include "../dropout_hash.hpp"
#include "../formulas.hpp"

// target_clones stands at functions that only choose a template: everything below them is inlined into each
// clone.
namespace regatta::device {
namespace {

template <Activation kind>
[[gnu::always_inline]] inline void activate_row(const Dense& layer, std::size_t i) {
  const std::size_t columns = layer.z.columns;
  const float* z = layer.z.data + i * columns;
  float* y = layer.y.data + i * columns;
#pragma GCC ivdep
  for (std::size_t j = 0; j < columns; ++j) y[j] = formulas::activate<kind>(z[j]);
}

[[gnu::always_inline]] inline void drop_row(const Dropout& dropout, std::size_t i, float* row,
                                            std::size_t columns) {
  const std::uint64_t key = dropout_row(dropout.key, dropout.first_sample + i);
  const std::uint32_t threshold = dropout_threshold(dropout.rate);
  const float scale = 1.0f / (1.0f - dropout.rate);
  for (std::size_t j = 0; j < columns; ++j)
    row[j] *= dropout_factor(key, dropout.first_unit + static_cast<std::uint32_t>(j), threshold, scale);
}

template <Activation kind>
[[gnu::always_inline]] inline void activate_rows(const Dense& layer) {
  for (std::size_t i = 0; i < layer.z.rows; ++i) {
    activate_row<kind>(layer, i);
    if (layer.dropout.rate > 0)
      drop_row(layer.dropout, i, layer.y.data + i * layer.y.columns, layer.y.columns);
  }
}

template <Activation kind>
[[gnu::always_inline]] inline void gradient_rows(const Dense& layer, MatrixView<float> gradient,
                                                 float* bias) {
  const std::size_t columns = gradient.columns;
  const bool drops = layer.dropout.rate > 0;
  const float kept = 1.0f - layer.dropout.rate;
  for (std::size_t j = 0; j < columns; ++j) bias[j] = 0;
  for (std::size_t i = 0; i < gradient.rows; ++i) {
    float* g = gradient.data + i * columns;
    const float* z = layer.z.data + i * columns;
    const float* y = layer.y.data + i * columns;
    if (drops) drop_row(layer.dropout, i, g, columns);
#pragma GCC ivdep
    for (std::size_t j = 0; j < columns; ++j) {
      g[j] *= formulas::slope<kind>(z[j], y[j] * kept);
      bias[j] += g[j];
    }
  }
}

typedef float Eight [[gnu::vector_size(8 * sizeof(float))]];

/// The gradient of Relu or Identity without dropout: so little arithmetic that sums in memory would be half
/// of the time.
/// @param y  of Relu; null: Identity
[[gnu::always_inline]] inline void rectified_gradient(const float* y, MatrixView<float> gradient,
                                                      float* bias) {
  const std::size_t columns = gradient.columns, whole = columns - columns % 8;
  for (std::size_t j = 0; j < whole; j += 8) {
    Eight sum{};
    for (std::size_t i = 0; i < gradient.rows; ++i) {
      Eight g, kept;
      std::memcpy(&g, gradient.data + i * columns + j, sizeof g);
      if (y) {
        std::memcpy(&kept, y + i * columns + j, sizeof kept);
        g = kept > 0.0f ? g : Eight{};
        std::memcpy(gradient.data + i * columns + j, &g, sizeof g);
      }
      sum += g;
    }
    std::memcpy(bias + j, &sum, sizeof sum);
  }
  for (std::size_t j = whole; j < columns; ++j) {
    bias[j] = 0;
    for (std::size_t i = 0; i < gradient.rows; ++i) {
      float& g = gradient.data[i * columns + j];
      if (y && !(y[i * columns + j] > 0.0f)) g = 0;
      bias[j] += g;
    }
  }
}

template <LossKind kind>
[[gnu::always_inline]] inline double regression_rows(MatrixView<const float> outputs, const float* targets,
                                                     float scale, float* gradient) {
  const float share = scale / static_cast<float>(outputs.columns);
  if (gradient)
    for (std::size_t i = 0; i < outputs.size(); ++i)
      gradient[i] = share * formulas::loss_slope<kind>(outputs.data[i], targets[i]);
  double sum = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    sum += static_cast<double>(formulas::loss_of<kind>(outputs.data[i], targets[i]));
  return sum / static_cast<double>(outputs.columns);
}

template <bool penalised>
[[gnu::always_inline]] inline void update_range(const Update& update, const formulas::UpdateFactors& factors,
                                                std::size_t first, std::size_t end) {
  float* w = update.parameters;
  const float* g = update.gradients;
  float* m = update.first_moment;
  float* v = update.second_moment;
  const float scale = factors.scale();
  if (update.kind == OptimizerKind::Sgd) {
#pragma GCC ivdep
    for (std::size_t i = first; i < end; ++i) formulas::sgd<penalised>(factors, scale * g[i], w[i], m[i]);
  } else {
#pragma GCC ivdep
    for (std::size_t i = first; i < end; ++i) formulas::adam<penalised>(factors, scale * g[i], w[i], m[i], v[i]);
  }
}

float class_weight(const Targets& targets, std::size_t i) {
  return targets.class_weights ? targets.class_weights[targets.labels[i]] : 1.0f;
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void gather_rows(
    MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch) {
  const std::size_t columns = source.columns;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const float* from = source.data + static_cast<std::size_t>(rows[i]) * columns;
    float* to = batch.data + i * columns;
#pragma GCC ivdep
    for (std::size_t j = 0; j < columns; ++j) to[j] = from[j];
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_bias(const float* bias,
                                                                                    MatrixView<float> z) {
  for (std::size_t i = 0; i < z.rows; ++i) {
    float* row = z.data + i * z.columns;
#pragma GCC ivdep
    for (std::size_t j = 0; j < z.columns; ++j) row[j] += bias[j];
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void activate(const Dense& layer) {
  with_constant(
      layer.activation, [&](auto kind) __attribute__((always_inline)) { activate_rows<kind>(layer); });
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void activation_gradient(
    const Dense& layer, MatrixView<float> gradient, float* bias) {
  const bool rectifies = layer.activation == Activation::Relu;
  if (layer.dropout.rate == 0 && (rectifies || layer.activation == Activation::Identity))
    return rectified_gradient(rectifies ? layer.z.data : nullptr, gradient, bias);
  with_constant(
      layer.activation, [&](auto kind) __attribute__((always_inline)) { gradient_rows<kind>(layer, gradient, bias); });
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void drop_rows(
    const Dropout& dropout, MatrixView<float> values) {
  for (std::size_t i = 0; i < values.rows; ++i)
    drop_row(dropout, i, values.data + i * values.columns, values.columns);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double cross_entropy(
    MatrixView<const float> logits, const Targets& targets, float scale, float* gradient) {
  double sum = 0;
  const formulas::Smoothed target = formulas::smoothed(targets.label_smoothing, logits.columns);
  for (std::size_t i = 0; i < logits.rows; ++i) {
    if (targets.labels[i] < 0) {
      if (gradient) std::fill_n(gradient + i * logits.columns, logits.columns, 0.0f);
      continue;
    }
    const float* row = logits.data + i * logits.columns;
    const auto label = static_cast<std::size_t>(targets.labels[i]);
    const float weight = class_weight(targets, i);
    const float log_sum = formulas::log_sum_exp(row, logits.columns);
    sum += static_cast<double>(weight * formulas::cross_entropy(row, logits.columns, log_sum, label, target));
    if (!gradient) continue;
    float* g = gradient + i * logits.columns;
    const float factor = weight * scale;
    for (std::size_t j = 0; j < logits.columns; ++j)
      g[j] = factor * formulas::cross_entropy_slope(row[j], log_sum, j == label ? target.label : target.other);
  }
  return sum;
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double binary_cross_entropy(
    MatrixView<const float> logits, const Targets& targets, float scale, float* gradient) {
  double sum = 0;
  for (std::size_t i = 0; i < logits.rows; ++i) {
    if (gradient) gradient[i] = 0;
    if (targets.labels[i] < 0) continue;
    const float weight = class_weight(targets, i);
    const float label = formulas::smoothed_binary(targets.labels[i], targets.label_smoothing);
    sum += static_cast<double>(weight * formulas::binary_loss(logits.data[i], label));
    if (gradient) gradient[i] = weight * scale * formulas::binary_slope(logits.data[i], label);
  }
  return sum;
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double regression_loss(
    LossKind kind, MatrixView<const float> outputs, const float* targets, float scale, float* gradient) {
  if (kind == LossKind::Squared) return regression_rows<LossKind::Squared>(outputs, targets, scale, gradient);
  if (kind == LossKind::Absolute)
    return regression_rows<LossKind::Absolute>(outputs, targets, scale, gradient);
  return regression_rows<LossKind::AbsolutePercentage>(outputs, targets, scale, gradient);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double sum_of_squares(
    std::span<const float> numbers) {
  constexpr std::size_t lanes = 16;  // sums side by side, so that one need not wait for the other
  double sums[lanes] = {};
  const std::size_t whole = numbers.size() / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j)
      sums[j] += static_cast<double>(numbers[i + j]) * static_cast<double>(numbers[i + j]);
  for (std::size_t i = whole; i < numbers.size(); ++i)
    sums[0] += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void update_parameters(
    const Update& update) {
  const formulas::UpdateFactors factors = formulas::factors_of(update);
  const bool penalties = update.weight_decay != 0 || update.l1 != 0;
  const std::size_t penalised = penalties ? std::min(update.penalised, update.count) : 0;
  update_range<true>(update, factors, 0, penalised);
  update_range<false>(update, factors, penalised, update.count);
}

}  // namespace regatta::device
