#pragma once

#include <cublas_v2.h>

#include "regatta/device/matrix_view.hpp"

// Matrix products of one dense layer in single precision, by cuBLAS.
namespace regatta::device::cuda {

/// z = x W
void multiply(cublasHandle_t handle, MatrixView<const float> x, MatrixView<const float> weights, MatrixView<float> z);

/// dW = x^T dz
void weight_gradient(cublasHandle_t handle, MatrixView<const float> x, MatrixView<const float> dz, MatrixView<float> dw);

/// dx = dz W^T
void input_gradient(cublasHandle_t handle, MatrixView<const float> dz, MatrixView<const float> weights,
                    MatrixView<float> dx);

}  // namespace regatta::device::cuda
