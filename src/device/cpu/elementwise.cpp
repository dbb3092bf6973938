#include "elementwise.hpp"

#include <cstddef>

#include "../dropout_hash.hpp"
#include "../formulas.hpp"

// target_clones stands at functions that only choose a template: everything below them is inlined into each
// clone.
namespace regatta::device {
namespace {

template <Activation kind>
[[gnu::always_inline]] inline void activate_row(const Dense& layer, std::size_t i) {
  const std::size_t columns = layer.z.columns;
  float* z = layer.z.data + i * columns;
  float* y = layer.y.data + i * columns;
  const float* bias = layer.bias;
#pragma GCC ivdep
  for (std::size_t j = 0; j < columns; ++j) {
    z[j] += bias[j];
    y[j] = formulas::activate<kind>(z[j]);
  }
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

float class_weight(const Targets& targets, std::size_t i) {
  return targets.class_weights ? targets.class_weights[targets.labels[i]] : 1.0f;
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void activate(const Dense& layer) {
  switch (layer.activation) {
    case Activation::Identity:
      return activate_rows<Activation::Identity>(layer);
    case Activation::Relu:
      return activate_rows<Activation::Relu>(layer);
    case Activation::Tanh:
      return activate_rows<Activation::Tanh>(layer);
    case Activation::Gelu:
      return activate_rows<Activation::Gelu>(layer);
    case Activation::Sigmoid:
      return activate_rows<Activation::Sigmoid>(layer);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void activation_gradient(
    const Dense& layer, MatrixView<float> gradient, float* bias) {
  switch (layer.activation) {
    case Activation::Identity:
      return gradient_rows<Activation::Identity>(layer, gradient, bias);
    case Activation::Relu:
      return gradient_rows<Activation::Relu>(layer, gradient, bias);
    case Activation::Tanh:
      return gradient_rows<Activation::Tanh>(layer, gradient, bias);
    case Activation::Gelu:
      return gradient_rows<Activation::Gelu>(layer, gradient, bias);
    case Activation::Sigmoid:
      return gradient_rows<Activation::Sigmoid>(layer, gradient, bias);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double cross_entropy(
    MatrixView<const float> logits, const Targets& targets, float scale, float* gradient) {
  double sum = 0;
  const formulas::Smoothed target = formulas::smoothed(targets.label_smoothing, logits.columns);
  for (std::size_t i = 0; i < logits.rows; ++i) {
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
  float* w = update.parameters;
  const float* g = update.gradients;
  float* m = update.first_moment;
  float* v = update.second_moment;
  const float scale = factors.scale();
  if (update.kind == OptimizerKind::Sgd) {
#pragma GCC ivdep
    for (std::size_t i = 0; i < update.count; ++i) formulas::sgd(factors, scale * g[i], w[i], m[i]);
  } else {
#pragma GCC ivdep
    for (std::size_t i = 0; i < update.count; ++i) formulas::adam(factors, scale * g[i], w[i], m[i], v[i]);
  }
}

}  // namespace regatta::device
