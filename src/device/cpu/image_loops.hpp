#pragma once

#include <span>
#include <vector>

#include "regatta/device/image.hpp"

// The loops of the CPU backend over single numbers of images, but for convolutions; as elementwise.hpp.
namespace regatta::device {

void augment(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
             MatrixView<float> batch);

/// As the functions of Backend. @param scratch  kept between calls
void sum_moments(const BatchNorm& layer, std::vector<float>& scratch);
void normalise(const BatchNorm& layer, std::vector<float>& scratch);
void sum_norm_gradients(const BatchNorm& layer, const BatchNormGradient& gradient,
                        std::vector<float>& scratch);
void norm_gradient(const BatchNorm& layer, const BatchNormGradient& gradient, std::vector<float>& scratch);

void pool(const Pool& layer);
void pool_gradient(const Pool& layer, MatrixView<const float> y, MatrixView<float> x);

/// Both for one instruction set.
struct PoolLoops {
  void (*pool)(const Pool& layer);
  void (*gradient)(const Pool& layer, MatrixView<const float> y, MatrixView<float> x);
};

/// Those that this processor can run, the fastest first.
std::span<const PoolLoops> pool_loops();

void add(const Sum& sum);
void sum_gradient(const Sum& sum, MatrixView<const float> y, MatrixView<float> a, MatrixView<float> b);

}  // namespace regatta::device
