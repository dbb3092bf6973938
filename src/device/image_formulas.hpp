#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "regatta/core/random.hpp"
#include "regatta/device/image.hpp"

// What all backends compute for image.hpp, one number or one channel at a time; see formulas.hpp.
namespace regatta::device::formulas {

/// a x + b
struct Line {
  float a, b;

  constexpr float at(float x) const { return a * x + b; }
};

/// Takes mean and variance of channel c from the sums over the team's batch, updates the running ones, and
/// keeps what belongs to this pass. The running variance is the unbiased one.
constexpr void take_moments(const BatchNorm& layer, std::size_t c) {
  const std::size_t channels = layer.x.columns;
  float &mean = layer.running[c], &variance = layer.running[channels + c];
  float mean_now = mean, variance_now = variance;
  if (layer.training) {
    const float rows = static_cast<float>(layer.team_rows);
    const float shifted = layer.sums[c] / rows, square = layer.sums[channels + c] / rows;
    mean_now = mean + shifted;
    variance_now = square - shifted * shifted;
    variance_now = variance_now < 0.0f ? 0.0f : variance_now;  // keeps what is not a number
    mean += layer.momentum * shifted;
    const float unbiased = rows > 1.0f ? variance_now * rows / (rows - 1.0f) : variance_now;
    variance += layer.momentum * (unbiased - variance);
  }
  layer.moments[c] = mean_now;
  layer.moments[channels + c] = 1.0f / std::sqrt(variance_now + layer.epsilon);
}

/// n = (x - mean) / sqrt(variance + epsilon) of channel c, as a function of x.
constexpr Line normalisation(const BatchNorm& layer, std::size_t c) {
  const float inverse = layer.moments[layer.x.columns + c];
  return {inverse, -layer.moments[c] * inverse};
}

/// scale n + shift of channel c, as a function of n.
constexpr Line affinity(const BatchNorm& layer, std::size_t c) {
  return {layer.parameters[layer.x.columns + c], layer.parameters[c]};
}

/// dL/dx = g g_factor + (a x + b), with g = dL/d(scale n + shift).
struct NormGradient {
  float g_factor;
  Line line;
};

/// dL/dx = scale / deviation (g - mean of g - n mean of (g n)), means over the batch of the team.
constexpr NormGradient norm_gradient(const BatchNorm& layer, std::size_t c) {
  const std::size_t channels = layer.x.columns;
  const Line n = normalisation(layer, c);
  const float factor = affinity(layer, c).a * n.a, rows = static_cast<float>(layer.team_rows);
  const float mean_g = layer.sums[c] / rows, mean_gn = layer.sums[channels + c] / rows;
  return {factor, {-factor * mean_gn * n.a, -factor * (mean_g + mean_gn * n.b)}};
}

/// The larger number; keeps what is not a number.
constexpr float larger(float a, float b) { return b > a || b != b ? b : a; }

/// The part of a window along one axis that lies in the image: [first, end).
struct Range {
  std::size_t first, end;
};

/// @param place   of the output pixel along the axis
/// @param before  rows or columns of the first window outside of the image
/// @param length  of the image
constexpr Range window_range(const Windows& windows, std::size_t place, std::size_t before,
                             std::size_t length) {
  const std::size_t start = place * windows.stride, end = start + windows.side;
  const std::size_t first = start > before ? start - before : 0;
  return {first, end - before < length ? end - before : length};
}

/// What Augmentation does to one row: its frame is cut out from (down, right) on.
struct Cut {
  std::size_t down, right;  ///< 0 to 2 crop
  bool mirrored;
};

constexpr Cut cut_of(const Augmentation& augmentation, std::int32_t row) {
  const std::uint64_t bits = mix_bits(augmentation.key ^ mix_bits(static_cast<std::uint64_t>(row)));
  const std::uint64_t places = 2 * augmentation.crop + 1;
  return {static_cast<std::size_t>(((bits & 0xffffff) * places) >> 24),
          static_cast<std::size_t>((((bits >> 24) & 0xffffff) * places) >> 24),
          augmentation.flip && (bits >> 63) != 0};
}

/// Number of the pixel that comes to (i, j) of the batch's image; image.pixels() where it lies in the frame.
constexpr std::size_t pixel_at(const Augmentation& augmentation, const Cut& cut, std::size_t i,
                               std::size_t j) {
  const Image& image = augmentation.image;
  const std::size_t row = i + cut.down;
  const std::size_t column = (cut.mirrored ? image.width - 1 - j : j) + cut.right;
  const bool inside = row >= augmentation.crop && row - augmentation.crop < image.height &&
                      column >= augmentation.crop && column - augmentation.crop < image.width;
  return inside ? (row - augmentation.crop) * image.width + column - augmentation.crop : image.pixels();
}

}  // namespace regatta::device::formulas
