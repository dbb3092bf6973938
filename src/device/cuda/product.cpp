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

std::int64_t whole(auto number) { return static_cast<std::int64_t>(number); }

/// C = op(A) op(B) as cuBLAS sees them.
struct Product {
  cublasHandle_t handle;
  cublasOperation_t a_operation, b_operation;
  std::int64_t m, n, k;
  const float* a;
  std::int64_t a_leading;
  const float* b;
  std::int64_t b_leading;
  float* c;
  std::int64_t precision;  ///< Precision, without padding

  cublasStatus_t make(cudaStream_t) const {  // the stream is that of the handle
    const float one = 1.0f, none = 0.0f;
    if (precision == whole(Precision::Bf16))
      return cublasGemmEx_64(handle, a_operation, b_operation, m, n, k, &one, a, CUDA_R_32F, a_leading, b, CUDA_R_32F,
                             b_leading, &none, c, CUDA_R_32F, m, CUBLAS_COMPUTE_32F_FAST_16BF, CUBLAS_GEMM_DEFAULT);
    const auto math = precision == whole(Precision::Tf32) ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH;
    if (const auto status = cublasSetMathMode(handle, math); status != CUBLAS_STATUS_SUCCESS) return status;
    return cublasSgemm_64(handle, a_operation, b_operation, m, n, k, &one, a, a_leading, b, b_leading, &none, c, m);
  }
};

/// c = op(a) op(b), where op(a) has `depth` columns.
void product(Cublas& blas, const Factor& a, const Factor& b, std::size_t depth, MatrixView<float> c) {
  check(blas.stream().run(Product{blas, b.operation, a.operation, whole(c.columns), whole(c.rows), whole(depth), b.matrix.data,
                                  whole(b.matrix.columns), a.matrix.data, whole(a.matrix.columns), c.data, whole(blas.precision)}));
}

}  // namespace

void multiply(Cublas& blas, MatrixView<const float> x, MatrixView<const float> weights, MatrixView<float> z) {
  product(blas, {x}, {weights}, x.columns, z);
}

void weight_gradient(Cublas& blas, MatrixView<const float> x, MatrixView<const float> dz, MatrixView<float> dw) {
  product(blas, {x, CUBLAS_OP_T}, {dz}, x.rows, dw);
}

void input_gradient(Cublas& blas, MatrixView<const float> dz, MatrixView<const float> weights,
                    MatrixView<float> dx) {
  product(blas, {dz}, {weights, CUBLAS_OP_T}, weights.columns, dx);
}

}  // namespace regatta::device::cuda
