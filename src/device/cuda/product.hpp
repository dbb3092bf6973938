#pragma once

#include "handles.hpp"
#include "regatta/device/matrix_view.hpp"

// Matrix products of one dense layer by cuBLAS, in the precision that it is set to.
namespace regatta::device::cuda {

/// z = x W
void multiply(Cublas& blas, MatrixView<const float> x, MatrixView<const float> weights, MatrixView<float> z);

/// dW = x^T dz
void weight_gradient(Cublas& blas, MatrixView<const float> x, MatrixView<const float> dz, MatrixView<float> dw);

/// dx = dz W^T
void input_gradient(Cublas& blas, MatrixView<const float> dz, MatrixView<const float> weights,
                    MatrixView<float> dx);

}  // namespace regatta::device::cuda
