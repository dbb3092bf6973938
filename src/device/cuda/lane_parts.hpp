#pragma once

#include <cstdint>

#include "../activation_switch.hpp"
#include "../dropout_hash.hpp"
#include "../formulas.hpp"
#include "loss_rows.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/lanes.hpp"

// What both kernels for lanes are made of.
namespace regatta::device::cuda {

__device__ inline float activated(Activation kind, float z) {
  return with_constant(kind, [z](auto constant) { return formulas::activate<constant>(z); });
}

/// @param y  before dropout
__device__ inline float slope_at(Activation kind, float z, float y) {
  return with_constant(kind, [z, y](auto constant) { return formulas::slope<constant>(z, y); });
}

/// The loss of sample i; writes its gradient.
__device__ inline float loss_of_row(LossKind kind, const LossRows& rows, std::uint32_t i) {
  switch (kind) {
    case LossKind::CrossEntropy: return sample_loss<LossKind::CrossEntropy>(rows, i);
    case LossKind::BinaryCrossEntropy: return sample_loss<LossKind::BinaryCrossEntropy>(rows, i);
    case LossKind::Absolute: return sample_loss<LossKind::Absolute>(rows, i);
    case LossKind::AbsolutePercentage: return sample_loss<LossKind::AbsolutePercentage>(rows, i);
    case LossKind::Squared: break;
  }
  return sample_loss<LossKind::Squared>(rows, i);
}

/// Dropout of a layer in one step.
struct Dropping {
  std::uint64_t key;
  std::uint32_t threshold;
  float scale, kept;

  constexpr float factor(std::uint64_t row, std::uint32_t unit) const {
    return threshold == 0 ? 1.0f : dropout_factor(row, unit, threshold, scale);
  }
  constexpr std::uint64_t row(std::uint32_t sample) const { return threshold == 0 ? 0 : dropout_row(key, sample); }
};

/// @param key  of the step; null: nothing is dropped
constexpr Dropping dropping_of(const Lane& lane, std::uint32_t layer, const std::uint64_t* key) {
  const float rate = key ? lane.layers[layer].dropout : 0.0f;
  return {rate > 0 ? derive_seed(*key, layer) : 0, dropout_threshold(rate), 1.0f / (1.0f - rate), 1.0f - rate};
}

/// Rows of one step: the last batch is as short as it comes.
constexpr std::uint32_t rows_of_step(const Lane& lane, std::uint32_t step) {
  const std::uint32_t left = lane.rows - step * lane.batch;
  return left < lane.batch ? left : lane.batch;
}

constexpr std::uint64_t key_of_step(const Lane& lane, std::uint32_t step) {
  return derive_seed(lane.seed, static_cast<std::uint64_t>(lane.update.step) - 1 + step);
}

}  // namespace regatta::device::cuda
