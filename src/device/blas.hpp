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

  Sgemm sgemm = nullptr;
  std::string name;     ///< "OpenBLAS 0.3.21 core SkylakeX" or "none (plain loops)"
  std::string warning;  ///< when its core is older than this processor
};

/// Loads OpenBLAS on the first call.
const Blas& blas();

/// The sentence for blas_warning(): empty unless `core` is of an older kind than a processor with these
/// instructions.
std::string core_warning(const std::string& core, bool avx512, bool avx2);

}  // namespace regatta::device
