#pragma once

#include <cstddef>
#include <string>

namespace regatta::device {

/// The functions of OpenBLAS that Regatta calls, found at run time; null when there is no OpenBLAS.
///
/// Linking it would be too early: it chooses its kernels in a library constructor, before main(), and
/// versions that are older than the processor fall back to the oldest core they know (SSE3), five times
/// slower than what they could use.
struct Blas {
  /// cblas_sgemm: order (101: rows), transposition of a and b (111: as it stands, 112: transposed), m, n, k,
  /// alpha, a, lda, b, ldb, beta, c, ldc.
  using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float,
                         float*, int);

  using Dgemm = void (*)(int, int, int, int, int, int, double, const double*, int, const double*, int, double,
                         double*, int);
  /// order, transposition, m, n, alpha, a, lda, x, step, beta, y, step
  using Dgemv = void (*)(int, int, int, int, double, const double*, int, const double*, int, double, double*, int);
  /// order, side, triangle, m, n, alpha, a, lda, b, ldb, beta, c, ldc
  using Dsymm = void (*)(int, int, int, int, int, double, const double*, int, const double*, int, double, double*,
                         int);
  /// order, side, triangle, transposition, diagonal, m, n, alpha, a, lda, b, ldb
  using Dtrmm = void (*)(int, int, int, int, int, int, int, double, const double*, int, double*, int);
  /// order, triangle, transposition, n, k, alpha, a, lda, beta, c, ldc
  using Dsyrk = void (*)(int, int, int, int, int, double, const double*, int, double, double*, int);
  /// order, triangle, transposition, diagonal, n, a, lda, x, step
  using Dtrmv = void (*)(int, int, int, int, int, const double*, int, double*, int);
  /// LAPACK, column-major: triangle, n, a, lda, info
  using Dpotrf = void (*)(const char*, const int*, double*, const int*, int*);

  Sgemm sgemm = nullptr;
  Dgemm dgemm = nullptr;
  Dgemv dgemv = nullptr;
  Dsymm dsymm = nullptr;
  Dtrmm dtrmm = nullptr;
  Dsyrk dsyrk = nullptr;
  Dtrmv dtrmv = nullptr;
  Dpotrf dpotrf = nullptr;
  std::string name;     ///< "OpenBLAS 0.3.21 core SkylakeX" or "none (plain loops)"
  std::string warning;  ///< when its core is older than this processor
};

/// Loads OpenBLAS on the first call.
const Blas& blas();

/// The sentence for blas_warning(): empty unless `core` is of an older kind than a processor with these
/// instructions.
std::string core_warning(const std::string& core, bool avx512, bool avx2);

}  // namespace regatta::device
