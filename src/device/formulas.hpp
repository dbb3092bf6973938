#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "regatta/device/backend.hpp"

// The arithmetic of all backends, one number at a time. Kernels differ in how they walk over memory, not in
// what they compute: the host's tests of these functions are tests of the CUDA kernels' arithmetic. No
// branches and no calls to the mathematical library, so that g++ turns the loops around them into vector
// code; constexpr, so that kernels may call them (--expt-relaxed-constexpr).
namespace regatta::device::formulas {

/// e^x to 2e-7 relative; x is clipped to [-87, 88].
/// Range reduction and polynomial as in Moshier's Cephes library (expf).
constexpr float exponential(float x) {
  x = x > 88.0f ? 88.0f : x;
  x = x < -87.0f ? -87.0f : x;
  constexpr float to_integer = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  const float n = (x * 1.44269504f + to_integer) - to_integer;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return p * std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23);
}

/// ln x to 1e-7 relative for normal positive x; not a number for one that is infinite or not a number.
/// Polynomial of Cephes (logf).
constexpr float logarithm(float x) {
  // The mantissa is taken relative to sqrt(1/2), so that it lies in [sqrt(1/2), sqrt(2)).
  const std::int32_t bits = std::bit_cast<std::int32_t>(x) - 0x3f3504f3;
  const float exponent = static_cast<float>(bits >> 23);
  const float f = std::bit_cast<float>((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const float square = f * f;
  const float tail = p * f * square - 0.5f * square - 2.12194440e-4f * exponent;
  return (f + tail) + 0.693359375f * exponent + 0.0f * x;  // the last term keeps what is not a number
}

constexpr float absolute(float x) { return x < 0.0f ? -x : x; }
constexpr float sign(float x) { return static_cast<float>((x > 0.0f) - (x < 0.0f)); }
constexpr float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

/// tanh x to 3e-7 relative: an odd polynomial near 0 (Cephes, tanhf), exponentials elsewhere.
constexpr float hyperbolic_tangent(float x) {
  const float size = absolute(x);
  const float far = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);
  const float s = x * x;
  float p = -5.70498872745e-3f;
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  const float near = x + x * s * p;
  return size < 0.625f ? near : (x < 0.0f ? -far : far);
}

/// ln(1 + e^x) without overflow.
constexpr float softplus(float x) {
  return (x > 0.0f ? x : 0.0f) + logarithm(1.0f + exponential(-absolute(x)));
}

/// GELU is the tanh form x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3) (Hendrycks and Gimpel 2016).
constexpr float gelu_argument(float x) { return 1.5957691216f * (x + 0.044715f * x * x * x); }

template <Activation kind>
constexpr float activate(float z) {
  if constexpr (kind == Activation::Relu) return z < 0.0f ? 0.0f : z;  // keeps what is not a number
  if constexpr (kind == Activation::Tanh) return hyperbolic_tangent(z);
  if constexpr (kind == Activation::Gelu) return z * sigmoid(gelu_argument(z));
  if constexpr (kind == Activation::Sigmoid) return sigmoid(z);
  if constexpr (kind == Activation::Identity) return z;
}

/// d activate(z) / dz.
/// @param a  activate(z), before dropout
template <Activation kind>
constexpr float slope(float z, [[maybe_unused]] float a) {
  if constexpr (kind == Activation::Relu) return z > 0.0f ? 1.0f : 0.0f;
  if constexpr (kind == Activation::Tanh) return 1.0f - a * a;
  if constexpr (kind == Activation::Gelu) {
    const float s = sigmoid(gelu_argument(z));
    return s + z * s * (1.0f - s) * (1.5957691216f * (1.0f + 0.134145f * z * z));
  }
  if constexpr (kind == Activation::Sigmoid) return a * (1.0f - a);
  if constexpr (kind == Activation::Identity) return 1.0f;
}

/// Loss of one output of a regression.
template <LossKind kind>
constexpr float loss_of(float y, float target) {
  const float error = y - target;
  if constexpr (kind == LossKind::Squared) return error * error;
  if constexpr (kind == LossKind::Absolute) return absolute(error);
  const float size = absolute(target);
  return absolute(error) / (size > 1e-8f ? size : 1e-8f);
}

/// d loss_of / dy.
template <LossKind kind>
constexpr float loss_slope(float y, float target) {
  const float error = y - target;
  if constexpr (kind == LossKind::Squared) return 2.0f * error;
  if constexpr (kind == LossKind::Absolute) return sign(error);
  const float size = absolute(target);
  return sign(error) / (size > 1e-8f ? size : 1e-8f);
}

/// What the classes of a sample should have: the label, and each of the others.
struct Smoothed {
  float label, other;
};

constexpr Smoothed smoothed(float share, std::size_t classes) {
  const float other = share / static_cast<float>(classes);
  return {1.0f - share + other, other};
}

/// Cross-entropy of one logit and a label 0 or 1, and its derivative.
constexpr float binary_loss(float logit, float label) { return softplus(logit) - label * logit; }
constexpr float binary_slope(float logit, float label) { return sigmoid(logit) - label; }
constexpr float smoothed_binary(std::int32_t label, float share) {
  return static_cast<float>(label) * (1.0f - share) + 0.5f * share;
}

/// ln sum_j e^(row_j) without overflow. A not-a-number anywhere gives a not-a-number.
constexpr float log_sum_exp(const float* row, std::size_t count) {
  float top = row[0];
  for (std::size_t j = 1; j < count; ++j) top = row[j] > top ? row[j] : top;
  float sum = 0.0f;
  for (std::size_t j = 0; j < count; ++j) sum += exponential(row[j] - top);
  return top + logarithm(sum);
}

/// Softmax cross-entropy of one sample, and its derivative by one logit whose class should have `target`.
constexpr float cross_entropy(const float* row, std::size_t classes, float log_sum, std::size_t label,
                              const Smoothed& target) {
  float loss = log_sum - (target.label - target.other) * row[label];
  if (target.other > 0.0f)
    for (std::size_t j = 0; j < classes; ++j) loss -= target.other * row[j];
  return loss;
}
constexpr float cross_entropy_slope(float logit, float log_sum, float target) {
  return exponential(logit - log_sum) - target;
}

/// An Update with everything that is the same for all parameters worked out.
struct UpdateFactors {
  float rate, momentum, beta1, beta2, epsilon, coupled_decay, decoupled_decay, l1;
  float correction1, correction2;  ///< 1 / (1 - beta^step)
  bool nesterov;
  float clip;
  const float* squared_norm;  ///< null: no clipping

  /// What gradients are multiplied with.
  constexpr float scale() const {
    return squared_norm && *squared_norm > clip * clip ? clip / std::sqrt(*squared_norm) : 1.0f;
  }
};

constexpr UpdateFactors factors_of(const Update& update) {
  const bool decoupled = update.kind == OptimizerKind::AdamW;
  const double step = static_cast<double>(update.step);
  return {update.learning_rate,
          update.momentum,
          update.beta1,
          update.beta2,
          update.epsilon,
          decoupled ? 0.0f : update.weight_decay,
          decoupled ? update.learning_rate * update.weight_decay : 0.0f,
          update.l1,
          static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(update.beta1), step))),
          static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(update.beta2), step))),
          update.nesterov,
          update.clip,
          update.clip > 0.0f ? update.squared_norm : nullptr};
}

/// The gradient with the penalties' share. Without any it is left out: a compiler may not leave out 0 * w.
template <bool penalised>
constexpr float penalised_gradient(const UpdateFactors& f, float gradient, float parameter) {
  if constexpr (!penalised) return gradient;
  return gradient + f.coupled_decay * parameter + f.l1 * sign(parameter);
}

/// Velocity v = momentum v + g; the step is v, or g + momentum v with Nesterov's look-ahead.
template <bool penalised>
constexpr void sgd(const UpdateFactors& f, float gradient, float& parameter, float& velocity) {
  const float g = penalised_gradient<penalised>(f, gradient, parameter);
  velocity = f.momentum * velocity + g;
  parameter -= f.rate * (f.nesterov ? g + f.momentum * velocity : velocity);
}

/// Adam and AdamW: they differ in the factors only.
template <bool penalised>
constexpr void adam(const UpdateFactors& f, float gradient, float& parameter, float& m, float& v) {
  const float g = penalised_gradient<penalised>(f, gradient, parameter);
  m = f.beta1 * m + (1.0f - f.beta1) * g;
  v = f.beta2 * v + (1.0f - f.beta2) * g * g;
  const float root = std::sqrt(v * f.correction2);
  if constexpr (penalised) parameter -= f.decoupled_decay * parameter;
  parameter -= f.rate * (m * f.correction1) / (root + f.epsilon);
}

}  // namespace regatta::device::formulas
