#include "product.hpp"

#include <cstdint>

#include "check.hpp"

// cuBLAS counts along columns, Regatta along rows. A matrix written by rows and read by columns is its transpose, so the
// transposed product is asked for: C = A B by rows is C^T = B^T A^T by columns. The factors change places, the sizes too,
// and each leading dimension is the number of columns of the matrix as Regatta sees it.
namespace regatta::device::cuda {
namespace {

struct Factor {
  MatrixView<const float> matrix;
  cublasOperation_t operation = CUBLAS_OP_N;  ///< CUBLAS_OP_T: the product is with its transpose
};

std::int64_t whole(std::size_t size) { return static_cast<std::int64_t>(size); }

/// c = op(a) op(b), where op(a) has `depth` columns.
void product(cublasHandle_t handle, const Factor& a, const Factor& b, std::size_t depth, MatrixView<float> c) {
  const float one = 1.0f, none = 0.0f;
  check(cublasSgemm_64(handle, b.operation, a.operation, whole(c.columns), whole(c.rows), whole(depth), &one,
                       b.matrix.data, whole(b.matrix.columns), a.matrix.data, whole(a.matrix.columns), &none, c.data,
                       whole(c.columns)));
}

}  // namespace

void multiply(cublasHandle_t handle, MatrixView<const float> x, MatrixView<const float> weights, MatrixView<float> z) {
  product(handle, {x}, {weights}, x.columns, z);
}

void weight_gradient(cublasHandle_t handle, MatrixView<const float> x, MatrixView<const float> dz, MatrixView<float> dw) {
  product(handle, {x, CUBLAS_OP_T}, {dz}, x.rows, dw);
}

void input_gradient(cublasHandle_t handle, MatrixView<const float> dz, MatrixView<const float> weights,
                    MatrixView<float> dx) {
  product(handle, {dz}, {weights, CUBLAS_OP_T}, weights.columns, dx);
}

}  // namespace regatta::device::cuda
