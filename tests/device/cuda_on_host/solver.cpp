#include <algorithm>
#include <cmath>
#include <limits>

#include "cublas_v2.h"
#include "cusolverDn.h"

namespace {

/// A matrix by columns.
struct Columns {
  double* data;
  int leading;
  double& operator()(int i, int j) const { return data[i + std::ptrdiff_t{j} * leading]; }
};

/// U of A = U^T U. @return the first pivot that is not positive, from 1, or 0
int factor(const Columns& a, int n) {
  for (int j = 0; j < n; ++j)
    for (int i = 0; i <= j; ++i) {
      double sum = a(i, j);
      for (int k = 0; k < i; ++k) sum -= a(k, i) * a(k, j);
      if (i < j)
        a(i, j) = sum / a(i, i);
      else if (sum > 0)
        a(j, j) = std::sqrt(sum);
      else
        return j + 1;
    }
  return 0;
}

void invert_upper(const Columns& u, int n) {
  for (int j = 0; j < n; ++j) {
    u(j, j) = 1 / u(j, j);
    for (int i = 0; i < j; ++i) {
      double sum = 0;
      for (int k = i; k < j; ++k) sum += u(i, k) * u(k, j);
      u(i, j) = -sum * u(j, j);
    }
  }
}

/// U U^T in the place of U.
void square(const Columns& u, int n) {
  for (int i = 0; i < n; ++i)
    for (int j = i; j < n; ++j) {
      double sum = 0;
      for (int k = j; k < n; ++k) sum += u(i, k) * u(j, k);
      u(i, j) = sum;
    }
}

int size_for(int n) { return 2 * n + 3; }

/// The workspace must be there, and what it held is lost.
bool is_valid(cublasFillMode_t triangle, int n, int leading, double* workspace, int size) {
  if (triangle != CUBLAS_FILL_MODE_UPPER || n < 0 || leading < std::max(1, n) || size < size_for(n))
    return false;
  std::fill_n(workspace, size_for(n), std::numeric_limits<double>::quiet_NaN());
  return true;
}

}  // namespace

cublasStatus_t cublasDtrsm(cublasHandle_t, cublasSideMode_t side, cublasFillMode_t triangle,
                           cublasOperation_t operation, cublasDiagType_t diagonal, int m, int n,
                           const double* alpha, const double* a, int a_leading, double* b, int b_leading) {
  if (side != CUBLAS_SIDE_LEFT || diagonal != CUBLAS_DIAG_NON_UNIT || a_leading < m || b_leading < m)
    return CUBLAS_STATUS_INVALID_VALUE;
  const bool turned = operation == CUBLAS_OP_T, lower = (triangle == CUBLAS_FILL_MODE_LOWER) != turned;
  const auto entry = [&](int i, int j) {
    return turned ? a[j + std::ptrdiff_t{i} * a_leading] : a[i + std::ptrdiff_t{j} * a_leading];
  };
  const Columns x{b, b_leading};
  for (int column = 0; column < n; ++column)
    for (int step = 0; step < m; ++step) {
      const int i = lower ? step : m - 1 - step;
      double sum = *alpha * x(i, column);
      for (int k = lower ? 0 : i + 1; k < (lower ? i : m); ++k) sum -= entry(i, k) * x(k, column);
      x(i, column) = sum / entry(i, i);
    }
  return CUBLAS_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  return *handle = nullptr, CUSOLVER_STATUS_SUCCESS;
}
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t) { return CUSOLVER_STATUS_SUCCESS; }
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t, cudaStream_t) { return CUSOLVER_STATUS_SUCCESS; }

cusolverStatus_t cusolverDnDpotrf_bufferSize(cusolverDnHandle_t, cublasFillMode_t, int n, double*, int,
                                             int* size) {
  return *size = size_for(n), CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotrf(cusolverDnHandle_t, cublasFillMode_t triangle, int n, double* a,
                                  int leading, double* workspace, int size, int* failed_pivot) {
  if (!is_valid(triangle, n, leading, workspace, size)) return CUSOLVER_STATUS_INVALID_VALUE;
  *failed_pivot = factor({a, leading}, n);
  return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotri_bufferSize(cusolverDnHandle_t, cublasFillMode_t, int n, double*, int,
                                             int* size) {
  return *size = size_for(n), CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotri(cusolverDnHandle_t, cublasFillMode_t triangle, int n, double* a,
                                  int leading, double* workspace, int size, int* failed_pivot) {
  if (!is_valid(triangle, n, leading, workspace, size)) return CUSOLVER_STATUS_INVALID_VALUE;
  invert_upper({a, leading}, n);
  square({a, leading}, n);
  *failed_pivot = 0;
  return CUSOLVER_STATUS_SUCCESS;
}
