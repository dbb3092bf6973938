#pragma once

#include <span>

#include "regatta/device/backend.hpp"

// The loops of the CPU backend over single numbers. Each is compiled for AVX-512, AVX2 and any x86-64, and
// the processor chooses at start-up.
namespace regatta::device {

/// batch(i, .) = source(rows[i], .)
void gather_rows(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch);

/// z += bias, row by row.
void add_bias(const float* bias, MatrixView<float> z);
/// y = dropout(activation(z)), row by row.
void activate(const Dense& layer);

/// dL/dy -> dL/dz in place, and the sum over the samples as the gradient of the bias.
void activation_gradient(const Dense& layer, MatrixView<float> gradient, float* bias);

/// As Backend::drop.
void drop_rows(const Dropout& dropout, MatrixView<float> values);

/// As Backend::loss; returns the sum over the samples.
double cross_entropy(MatrixView<const float> logits, const Targets& targets, float scale, float* gradient);
double binary_cross_entropy(MatrixView<const float> logits, const Targets& targets, float scale,
                            float* gradient);
double regression_loss(LossKind kind, MatrixView<const float> outputs, const float* targets, float scale,
                       float* gradient);

double sum_of_squares(std::span<const float> numbers);

void update_parameters(const Update& update);

}  // namespace regatta::device
