#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda_runtime.h"

// The part of cuBLAS that the CUDA backend uses, as plain loops; see cuda_runtime.h beside it.

enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7 };
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasFillMode_t { CUBLAS_FILL_MODE_LOWER = 0, CUBLAS_FILL_MODE_UPPER = 1 };
enum cublasSideMode_t { CUBLAS_SIDE_LEFT = 0, CUBLAS_SIDE_RIGHT = 1 };
enum cublasDiagType_t { CUBLAS_DIAG_NON_UNIT = 0, CUBLAS_DIAG_UNIT = 1 };
enum cublasMath_t { CUBLAS_DEFAULT_MATH = 0, CUBLAS_TF32_TENSOR_OP_MATH = 3 };

using cublasHandle_t = struct HostBlas*;

const char* cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);

/// C = alpha op(A) op(B) + beta C, all by columns; op(A) is m x k, op(B) k x n. C is not read when beta is 0.
cublasStatus_t cublasSgemm_64(cublasHandle_t handle, cublasOperation_t a_operation, cublasOperation_t b_operation,
                              std::int64_t m, std::int64_t n, std::int64_t k, const float* alpha, const float* a,
                              std::int64_t a_leading, const float* b, std::int64_t b_leading, const float* beta, float* c,
                              std::int64_t c_leading);

enum cudaDataType_t { CUDA_R_32F = 0 };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F_FAST_16BF = 75 };
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT = -1 };

/// The same for matrices of these types: single precision, of which A and B are rounded to 7 bits of mantissa.
cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t a_operation, cublasOperation_t b_operation,
                               std::int64_t m, std::int64_t n, std::int64_t k, const void* alpha, const void* a,
                               cudaDataType_t a_type, std::int64_t a_leading, const void* b, cudaDataType_t b_type,
                               std::int64_t b_leading, const void* beta, void* c, cudaDataType_t c_type,
                               std::int64_t c_leading, cublasComputeType_t compute, cublasGemmAlgo_t algorithm);

/// B = alpha op(A)^-1 B by columns, B of m x n; only for the left side and a diagonal that is read.
cublasStatus_t cublasDtrsm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t triangle,
                           cublasOperation_t operation, cublasDiagType_t diagonal, int m, int n, const double* alpha,
                           const double* a, int a_leading, double* b, int b_leading);
