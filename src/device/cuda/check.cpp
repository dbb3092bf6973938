#include "check.hpp"

#include <string_view>

#include "regatta/core/error.hpp"

namespace regatta::device::cuda {
namespace {

[[noreturn]] void fail(std::string_view library, int code, const char* reason, const std::source_location& where) {
  std::string_view file = where.file_name();
  file.remove_prefix(file.rfind('/') + 1);
  throw SystemFailure(concat(library, " failed at ", file, ":", where.line(), " with error ", code, ": ", reason));
}

/// cuSOLVER has no words of its own.
const char* reason(cusolverStatus_t status) {
  switch (status) {
    case CUSOLVER_STATUS_ALLOC_FAILED: return "no memory for its own needs";
    case CUSOLVER_STATUS_INVALID_VALUE: return "invalid value";
    default: return "see cusolverStatus_t";
  }
}

}  // namespace

void check(cudaError_t status, std::source_location where) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that can be survived must not be found again by the next launch
  fail("CUDA", static_cast<int>(status), cudaGetErrorString(status), where);
}

void check(cublasStatus_t status, std::source_location where) {
  if (status != CUBLAS_STATUS_SUCCESS) fail("cuBLAS", static_cast<int>(status), cublasGetStatusString(status), where);
}

void check(cusolverStatus_t status, std::source_location where) {
  if (status != CUSOLVER_STATUS_SUCCESS) fail("cuSOLVER", static_cast<int>(status), reason(status), where);
}

}  // namespace regatta::device::cuda
