#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cusolverDn.h>

#include <source_location>

namespace regatta::device::cuda {

/// @throws SystemFailure  with CUDA's own words and the place of the call, unless `status` is success
void check(cudaError_t status, std::source_location where = std::source_location::current());
void check(cublasStatus_t status, std::source_location where = std::source_location::current());
void check(cusolverStatus_t status, std::source_location where = std::source_location::current());

}  // namespace regatta::device::cuda
