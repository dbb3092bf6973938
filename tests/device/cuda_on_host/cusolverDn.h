#pragma once

#include "cublas_v2.h"

// The part of cuSOLVER that the CUDA module uses, as plain loops; see cuda_runtime.h beside it.

enum cusolverStatus_t {
  CUSOLVER_STATUS_SUCCESS = 0,
  CUSOLVER_STATUS_ALLOC_FAILED = 2,
  CUSOLVER_STATUS_INVALID_VALUE = 3
};

using cusolverDnHandle_t = struct HostSolver*;

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle);
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle);
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream);

/// A = U^T U by columns, only for the upper triangle. *failed_pivot counts from 1; 0: A is positive definite.
cusolverStatus_t cusolverDnDpotrf_bufferSize(cusolverDnHandle_t handle, cublasFillMode_t triangle, int n,
                                             double* a, int leading, int* size);
cusolverStatus_t cusolverDnDpotrf(cusolverDnHandle_t handle, cublasFillMode_t triangle, int n, double* a,
                                  int leading, double* workspace, int size, int* failed_pivot);

/// Puts (U^T U)^-1 in the place of U, only for the upper triangle.
cusolverStatus_t cusolverDnDpotri_bufferSize(cusolverDnHandle_t handle, cublasFillMode_t triangle, int n,
                                             double* a, int leading, int* size);
cusolverStatus_t cusolverDnDpotri(cusolverDnHandle_t handle, cublasFillMode_t triangle, int n, double* a,
                                  int leading, double* workspace, int size, int* failed_pivot);
